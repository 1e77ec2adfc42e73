"""What the disk has at which moment, told by the system calls of a command: power may fail at any of them.

They are watched with ``strace``; where that is missing or may not watch, these tests are skipped.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from imin_accounts.cli._export.text import JsonLines
from imin_accounts.fake import FakeImin, add_rosie
from tests.cli.processes import end, start
from tests.cli.rows import customer_rows, error_rows

STRACE = shutil.which("strace")
WATCHED = "fsync,fdatasync,rename,renameat,renameat2,sendto"


def may_watch() -> bool:
    """Whether system calls can be watched here; a container may forbid it."""
    return (
        STRACE is not None
        and subprocess.run([STRACE, "-qq", "true"], capture_output=True, check=False).returncode == 0
    )


pytestmark = pytest.mark.skipif(not may_watch(), reason="strace is not installed, or may not watch")


def watched(
    base_url: str, *arguments: str | Path, trace: Path, inject: str | None = None
) -> tuple[int, list[str]]:
    """Run ``imin-accounts``. Returns its exit code and its system calls, in the order of their ends."""
    more = ["-e", f"inject={inject}"] if inject else []
    under: list[str | Path] = [
        str(STRACE),
        "-f",
        "-y",
        "-qq",
        "-s",
        "8",
        "-e",
        f"trace={WATCHED},fchmod",
        *more,
        "-o",
        trace,
    ]
    ended = end(start(base_url, *arguments, under=under))
    begun: dict[str, str] = {}
    calls = []
    for line in trace.read_text().splitlines():
        thread, call = line.split(maxsplit=1)
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>").rstrip()
        elif resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", call):
            calls.append(begun.pop(thread) + resumed[1])
        else:
            calls.append(call)
    return ended.code, calls


def first(calls: list[str], pattern: str) -> int:
    """Which call is the first that begins like this."""
    return next(n for n, call in enumerate(calls) if re.match(pattern, call))


def synced(path: Path) -> str:
    """A pattern for the call after which the disk has a file, or the names in a folder."""
    return rf"f(data)?sync\(\d+<{re.escape(str(path))}>\) += 0"


def test_the_journal_is_on_the_disk_before_anything_is_disconnected(
    tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Its lines, and its name in its folder: else nobody would know after a power cut what had begun."""
    add_rosie(fake_imin)
    folder = tmp_path / "folder"
    folder.mkdir()
    journal = folder / "journal.jsonl"
    command = ("disconnect-all", "rosie", "--journal", journal, "--yes")
    code, calls = watched(imin_server, *command, trace=tmp_path / "trace")
    sent = first(calls, r'sendto\(.*"DELETE')
    assert code == 0
    assert first(calls, synced(journal)) < first(calls, synced(folder)) < sent


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.sqlite"])
def test_an_export_is_on_the_disk_when_it_is_done(
    name: str, tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Its rows, then its name."""
    add_rosie(fake_imin)
    folder, ids = tmp_path / "folder", tmp_path / "ids.txt"
    folder.mkdir()
    ids.write_text("rosie\n")
    code, calls = watched(imin_server, "export", ids, "-o", folder / name, trace=tmp_path / "trace")
    assert code == 0
    last_rows = max(n for n, call in enumerate(calls) if re.match(synced(folder / name), call))
    last_name = max(n for n, call in enumerate(calls) if re.match(synced(folder), call))
    assert last_rows < last_name


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("convert", "in.jsonl", "folder/out.csv"), id="convert"),
        pytest.param(("convert", "in.jsonl", "folder/out.sqlite"), id="convert to a database"),
        pytest.param(("audit", "in.jsonl", "--report", "folder/out.html"), id="audit"),
        pytest.param(
            ("export", "ids.txt", "-o", "folder/out.jsonl", "--resume", "--retry-failed"), id="retry failed"
        ),
    ],
)
def test_a_file_is_on_the_disk_before_it_takes_a_place(
    command: tuple[str, ...], tmp_path: Path, imin_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First its content, then the name, then the folder: in any case the old file or the new one is there."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("in.jsonl").write_bytes(JsonLines().write(customer_rows()))
    Path("ids.txt").write_text("5678\n")
    Path("folder/out.jsonl").write_bytes(JsonLines().write(error_rows()))
    _, calls = watched(imin_server, *command, trace=Path("trace"))
    renamed = first(calls, r"rename")
    content = first(
        calls, rf"f(data)?sync\(\d+<{re.escape(str(tmp_path))}/folder/imin-\w+\.new/out\.\w+>\) += 0"
    )
    assert content < renamed < first(calls[renamed:], synced(tmp_path / "folder")) + renamed


def test_where_permissions_can_not_be_changed_nothing_is_written(tmp_path: Path, imin_server: str) -> None:
    """Others could read it, as on a memory stick. Here the system only says that it changed them."""
    out, ids = tmp_path / "out.jsonl", tmp_path / "ids.txt"
    ids.write_text("rosie\n")
    out.touch()
    out.chmod(0o644)
    command = ("export", ids, "-o", out)
    code, _ = watched(imin_server, *command, trace=tmp_path / "trace", inject="fchmod:retval=0")
    assert (code, out.read_bytes()) == (1, b"")
