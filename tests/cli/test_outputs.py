"""What a command writes: each output is a file of its own, whatever the command."""

from pathlib import Path

import pytest

from imin_accounts.fake import FakeImin, add_rosie
from tests.cli.commands import run
from tests.cli.processes import run_in_shell
from tests.paths import SAMPLES

JOURNAL = "disconnect-all rosie --yes --journal"
PAIRS = [
    "export ids.txt -o out.jsonl --failed out.jsonl-wal",
    "export ids.txt -o out.sqlite --failed ./out.sqlite-wal",
    f"{JOURNAL} j --failed j",
    f"{JOURNAL} j --failed ./j",
    f"{JOURNAL} j --failed to-j",
    f"{JOURNAL} j --failed a/../j",
    "audit ids.txt --report q.html --failed q.html",
    "audit ids.txt --report q.html --failed a/../q.html",
    "audit ids.txt --failed key",
    "changes ids.txt --snapshots s --failed s-wal",
    "changes ids.txt --snapshots s --failed ./s",
]
TO_A_STREAM = [
    "audit ids.txt --failed {}",
    "audit ids.txt --report {}",
    "read saved.json --redact -o {}",
    "disconnect-all rosie --yes --journal j --failed {}",
    "disconnect-all rosie --yes --journal {}",
    "changes ids.txt --snapshots s.db --failed {}",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_imin: FakeImin) -> Path:
    """The current folder, with what the commands read."""
    monkeypatch.chdir(tmp_path)
    add_rosie(fake_imin)
    Path("ids.txt").write_text("rosie\n")
    Path("key").write_text("test-key")
    Path("saved.json").write_bytes((SAMPLES / "connected.json").read_bytes())
    Path("a").mkdir()
    Path("to-j").symlink_to("j")
    return tmp_path


def test_no_output_is_another_file_of_the_command(
    folder: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """A journal that the list of failures replaced would be gone; so nothing is sent, nothing written."""
    before = sorted(folder.rglob("*"))
    env = {"IMIN_API_KEY_FILE": "key", "IMIN_BASE_URL": imin_server}
    for line in PAIRS:
        ran = run(*line.split(), env=env)
        assert (ran.code, "would be written over" in ran.err, line) == (2, True, line)
    assert (list(fake_imin.requests), sorted(folder.rglob("*"))) == ([], before)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "log", "/dev/stderr"])
def test_no_output_is_the_file_that_a_stream_goes_to(
    name: str, folder: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """It would replace a log that was opened to be appended to; so nothing is sent."""
    for line in TO_A_STREAM[: None if name == "/dev/stdout" else 1]:
        Path("log").write_text("before\n")
        ran = run_in_shell(imin_server, f"$I {line.format(name)} >> log 2>&1", folder=folder)
        log = Path("log").read_text()
        assert (ran.code, log.startswith("before\n"), "that standard " in log) == (2, True, True), line
        assert "what is printed goes there without it" in " ".join(log.split())
    assert list(fake_imin.requests) == []


def test_no_output_is_what_standard_input_reads(folder: Path, imin_server: str) -> None:
    """A list of failures would take the place of the list."""
    ran = run_in_shell(imin_server, "$I audit - --failed ids.txt < ids.txt", folder=folder)
    assert (ran.code, "that standard input comes from" in ran.err) == (2, True)
    assert Path("ids.txt").read_text() == "rosie\n"


def test_two_files_are_two(folder: Path, imin_server: str) -> None:
    """Whatever is like them in name only goes on."""
    line = "$I audit ids.txt --report a/q.html --failed q.html >> log && ls a/q.html q.html"
    assert run_in_shell(imin_server, line, folder=folder).code == 0
