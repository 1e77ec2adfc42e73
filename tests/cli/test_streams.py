"""What a shell can do: streams that are full, closed or read by nobody, and arguments that are no text."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from imin_accounts.cli._export.sinks import read_customers
from imin_accounts.fake import FakeImin, add_rosie
from tests.cli.commands import environment
from tests.cli.processes import COMMAND, run_in_shell, wait_until

ACME = "https://id.bookingsystem.example.com/organizers/1"
DISCONNECT = f"$I disconnect rosie {ACME}"
FULL = "Error: the output can't be written: No space left on device.\n"
CLOSED = "Error: the output can't be written: Bad file descriptor.\n"


@pytest.fixture(autouse=True)
def rosie(fake_imin: FakeImin) -> None:
    """The emulated imin knows Rosie, who is connected with Acme Leisure Centre."""
    add_rosie(fake_imin)


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        pytest.param(">/dev/full", FULL, id="a full disk"),
        pytest.param("--json >/dev/full", FULL, id="a full disk, in JSON"),
        pytest.param(">&-", CLOSED, id="closed"),
        pytest.param(">&- 2>&-", "", id="both closed"),
        pytest.param("<&- >&- 2>&-", "", id="all closed"),
        pytest.param(">/dev/full 2>/dev/full", "", id="both full"),
    ],
)
def test_what_was_done_is_told_by_the_exit_code(
    streams: str, said: str, imin_server: str, fake_imin: FakeImin, tmp_path: Path
) -> None:
    """It is disconnected, and exit code 6 says that, and that the output is lost; no traceback."""
    ran = run_in_shell(imin_server, f"{DISCONNECT} {streams}", folder=tmp_path)
    assert (ran.code, ran.err) == (6, said)
    assert not fake_imin.disconnect("rosie", ACME)


def test_a_message_is_out_before_anything_can_happen_to_the_process() -> None:
    """A warning of Python's, say, which flushes nothing by itself."""
    code = (
        "import os, sys; from imin_accounts.cli._streams import guard; guard();"
        "print('to note', file=sys.stderr); print('a result'); os._exit(0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stderr, ran.stdout) == ("to note\n", "")


def test_a_pipe_that_nobody_reads(imin_server: str, fake_imin: FakeImin) -> None:
    """Exit code 6 as well, but not a word: whoever closed it has read enough."""
    reader, writer = os.pipe()
    os.close(reader)
    env = {**os.environ, **environment(imin_server)}
    command = [*COMMAND, "disconnect", "rosie", ACME]
    ran = subprocess.run(command, env=env, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (6, b"")
    assert not fake_imin.disconnect("rosie", ACME)


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_what_is_told_beside_the_output_may_get_lost(streams: str, imin_server: str, tmp_path: Path) -> None:
    """Standard error holds no result: exit code 0, and the output is whole."""
    ran = run_in_shell(imin_server, f"{DISCONNECT} {streams}", folder=tmp_path)
    assert (ran.code, ran.out) == (0, "Disconnected; imin confirmed it.\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param("$I accounts nobody", 1, id="failed"),
        pytest.param("$I accounts ''", 2, id="wrong usage"),
        pytest.param("$I export ids.txt -o out.jsonl", 3, id="partly done"),
        pytest.param("IMIN_API_KEY=wrong $I accounts rosie", 4, id="not authorised"),
        pytest.param("IMIN_BASE_URL=http://127.0.0.1:1 $I accounts rosie --timeout 0.1", 5, id="unreachable"),
    ],
)
@pytest.mark.parametrize("streams", [">/dev/full", ">&- 2>&-"])
def test_any_other_exit_code_stays(
    command: str, streams: str, code: int, imin_server: str, tmp_path: Path
) -> None:
    """It says more than that the output is lost."""
    (tmp_path / "ids.txt").write_text("rosie\nnobody\n")
    assert run_in_shell(imin_server, f"{command} {streams}", folder=tmp_path).code == code


@pytest.mark.parametrize(
    "command",
    [
        "$I accounts rosie",
        "$I accounts rosie --json",
        "$I audit ids.txt",
        "$I audit ids.txt --json",
        "$I convert out.jsonl out.csv",
        "$I demo",
        "$I disconnect-all rosie --journal journal.jsonl --yes",
        "$I disconnect-all rosie --dry-run",
        "$I export ids.txt -o new.sqlite --json",
        "$I read saved.json",
        "$I --help",
        "$I --version",
    ],
)
def test_every_command_is_done_and_says_that_its_output_is_lost(
    command: str, imin_server: str, tmp_path: Path
) -> None:
    """Exit code 6 and one line, whatever the command prints with."""
    (tmp_path / "ids.txt").write_text("rosie\n")
    prepared = "$I export ids.txt -o out.jsonl >/dev/null 2>&1; $I accounts rosie --json >saved.json"
    ran = run_in_shell(imin_server, f"{prepared}; {command} >/dev/full", folder=tmp_path)
    assert (ran.code, ran.err) == (6, FULL)


@pytest.mark.parametrize("command", ["$I export - -o out.jsonl", "$I read -", "$I audit -"])
def test_a_closed_standard_input_is_no_empty_one(command: str, imin_server: str, tmp_path: Path) -> None:
    """It can't be read: exit code 1, and not "0 customers"."""
    ran = run_in_shell(imin_server, f"{command} <&-", folder=tmp_path)
    assert (ran.code, ran.out, ran.err.endswith("Bad file descriptor.\n")) == (1, "", True)


def test_no_file_gets_the_number_of_a_closed_stream(imin_server: str, tmp_path: Path) -> None:
    """What is said on standard error would stand in the journal."""
    line = "$I disconnect-all rosie --journal journal.jsonl --yes <&- >&- 2>&-"
    assert run_in_shell(imin_server, line, folder=tmp_path).code == 6
    journal = (tmp_path / "journal.jsonl").read_text()
    assert all(line.startswith('{"at": "') for line in journal.splitlines())


def test_a_pipe_that_does_not_wait_gets_everything(
    imin_server: str, fake_imin: FakeImin, tmp_path: Path
) -> None:
    """Another process may make it non-blocking for all who share it; a pipe takes 64 kB at once."""
    for number in range(500):
        fake_imin.add_seller(f"https://sellers.example.com/{number}", name="Acme" * 20)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    env = {**os.environ, **environment(imin_server)}
    command = [*COMMAND, "accounts", "rosie", "--json"]
    with (
        subprocess.Popen(command, env=env, stdout=writer, text=True) as process,
        open(reader, "rb") as output,
    ):
        wait_until(process, lambda: not select.select([], [writer], [], 0)[1])  # it is full
        os.close(writer)
        size = len(output.read())
    assert (process.returncode, size > 65_536) == (0, True)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (r"$I accounts $'\xff'", 2),
        (r"$I disconnect rosie $'\xff'", 2),
        (r"$I disconnect-all $'\xff' --journal journal.jsonl --yes", 2),
        (r"$I $'\xff'", 2),
        (r"$I accounts rosie --redirect-uri $'http://x/\xff'", 2),
        (r"$I accounts rosie --timeout $'\xff'", 2),
        (r"$I accounts rosie --base-url $'http://\xff'", 2),
        (r"$I accounts rosie --api-key-file $'\xff'", 2),
        (r"$I export ids.txt -o out.jsonl --shard $'\xff'", 2),
        (r"$I export ids.txt -o out.jsonl --column $'\xff'", 2),
        (r"$I audit ids.txt --within $'\xff'", 2),
        (r"$I emulator --port 0 --host $'\xff'", 1),
        (r"$I emulator --port 0 --faults $'\xff'", 2),
        (r"IMIN_API_KEY=$'\xff' $I accounts rosie", 4),
        (r"IMIN_BASE_URL=$'http://\xff' $I accounts rosie", 2),
        (r"env -u IMIN_API_KEY IMIN_API_KEY_FILE=$'\xff' $I accounts rosie", 4),
    ],
)
def test_bytes_that_are_no_text_are_refused(
    command: str, code: int, imin_server: str, tmp_path: Path
) -> None:
    """A sentence, no traceback, and nothing is done."""
    (tmp_path / "ids.txt").write_text("rosie\n")
    ran = run_in_shell(imin_server, command, folder=tmp_path)
    assert (ran.code, ran.out, "Error: " in ran.err, "Traceback" in ran.err) == (code, "", True, False)


def test_a_file_may_have_any_name(imin_server: str, tmp_path: Path) -> None:
    """A name is bytes, not text."""
    line = r"""
    set -e
    printf 'rosie\n' >$'ids\xff'
    $I export $'ids\xff' -o $'\xff.jsonl'
    $I convert $'\xff.jsonl' $'\xff.sqlite'
    $I convert $'\xff.sqlite' $'\xff.csv'
    $I audit $'\xff.csv' --report $'\xff.html' --json >/dev/null
    """
    ran = run_in_shell(imin_server, line, folder=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert len(list(read_customers(tmp_path / "\udcff.csv"))) == 1


@pytest.mark.parametrize(
    "encoding",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
    ],
    ids=["locale", "ascii", "latin-1"],
)
def test_a_name_that_does_not_fit_is_escaped(
    encoding: dict[str, str], imin_server: str, fake_imin: FakeImin, tmp_path: Path
) -> None:
    """Whatever the encoding of the output is."""
    fake_imin.add_seller(ACME, name="Łódź")
    ran = run_in_shell(imin_server, "$I accounts rosie", folder=tmp_path, **encoding)
    assert (ran.code, ran.err, "\\u0141" in ran.out) == (0, "", True)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("export /proc/self/mem -o out.csv", 1),
        ("read /proc/self/mem", 1),
        ("accounts rosie --api-key-file /proc/self/mem", 4),
    ],
)
def test_a_file_that_can_not_be_read_is_told(
    command: str, code: int, imin_server: str, tmp_path: Path
) -> None:
    """Exit code 1, or 4 where it was to hold the key, and the system's reason."""
    if not Path("/proc/self/mem").exists():
        pytest.skip("there is no such file here")
    ran = run_in_shell(imin_server, f"$I {command}", folder=tmp_path)
    assert (ran.code, ran.err.endswith("Input/output error.\n"), "Traceback" in ran.err) == (
        code,
        True,
        False,
    )
