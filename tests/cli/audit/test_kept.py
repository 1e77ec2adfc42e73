"""An audit that does not come to its end: what was read is kept, and can be gone on with."""

import json
import re
import shlex
import signal
import tempfile
from pathlib import Path

import pytest

from imin_accounts.cli._audit.kept import Kept, tell_how_to_go_on
from imin_accounts.cli._export.sinks import read_customers
from imin_accounts.fake import FakeImin, Rule, Status, add_crowd
from tests.cli.commands import environment, run
from tests.cli.emulator_process import emulator_process
from tests.cli.processes import ProcessResult, run_to_end, start, write_ids
from tests.cli.rows import customer_rows

COUNT = 300


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, and one of its own for temporary files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    write_ids(tmp_path / "ids.txt", COUNT)
    return tmp_path


def commands(ended: ProcessResult) -> list[list[str]]:
    """The commands that go on, as they were told."""
    return [shlex.split(line)[1:] for line in re.findall(r"^  (imin-accounts .*)$", ended.err, re.MULTILINE)]


def test_an_interrupted_audit_goes_on_as_it_says(folder: Path) -> None:
    """Its two commands, typed as they stand, end with everybody, and nobody is asked for twice but who was
    under way."""
    with emulator_process(customers=COUNT) as imin:
        imin.hold(after=COUNT // 3)
        process = start(imin.base_url, "audit", "ids.txt", "--json", "--within", "6w", "--report", "a b.html")
        ended = imin.signal_at(11, process, signal.SIGINT)
        said = json.loads(ended.out)
        assert (ended.code, said["left"], len(said["failures"])) == (3, said["left"], said["left"])
        first = imin.reads()
        export, audit = commands(ended)
        [kept] = (folder / "tmp").iterdir()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert len(list(read_customers(kept))) == said["customers"]["read"] > 0
        assert run_to_end(imin.base_url, *export).code == 0
        assert not imin.reads().keys() & first.keys()
    assert audit[2:] == ["--within", "6w", "--report", "a b.html"]
    assert json.loads(run(*audit, "--json").out)["customers"]["read"] == COUNT


def test_a_killed_audit_leaves_nothing_behind(folder: Path) -> None:
    """What it reads is in a file without a name."""
    with emulator_process(customers=COUNT) as imin:
        imin.hold(after=COUNT // 3)
        process = start(imin.base_url, "audit", "ids.txt", "--report", "audit.html")
        assert imin.signal_at(11, process, signal.SIGKILL).code == -9
    assert sorted(file.name for file in folder.rglob("*")) == ["ids.txt", "tmp"]


def test_an_audit_that_ends_keeps_nothing(folder: Path, imin_server: str, fake_imin: FakeImin) -> None:
    """There is nothing to go on with."""
    add_crowd(fake_imin, sellers=1, customers=COUNT)
    assert run("audit", "ids.txt", env=environment(imin_server)).code == 0
    assert list((folder / "tmp").iterdir()) == []


def test_a_key_that_is_taken_back_loses_nothing(folder: Path, imin_server: str, fake_imin: FakeImin) -> None:
    """What was read before is shown, and kept; exit code 4."""
    add_crowd(fake_imin, sellers=1, customers=COUNT)
    fake_imin.faults.add(Rule(Status(401), nth=range(100, 9_999)))
    options = ("--concurrency", "1", "--timeout", "9", "--json")
    ran = run("audit", "ids.txt", *options, env=environment(imin_server))
    said = json.loads(ran.out)
    assert (ran.code, said["customers"]["read"], said["left"]) == (4, 99, COUNT - 99)
    assert f"{COUNT - 99} customers were not read:\n  {COUNT - 100} not asked (" in ran.err
    assert "  1 key (401 or 403): " in ran.err
    assert "To go on:\n  imin-accounts export ids.txt --timeout 9.0 -o " in ran.err


def test_where_nothing_was_read_nothing_is_kept(folder: Path, imin_server: str) -> None:
    """A wrong key from the start leaves no empty file."""
    ran = run("audit", "ids.txt", env={**environment(imin_server), "IMIN_API_KEY": "wrong"})
    assert (ran.code, "To go on" in ran.err, list((folder / "tmp").iterdir())) == (4, False, [])


def test_the_help_says_so() -> None:
    """Before one begins with a million."""
    told = " ".join(run("audit", "--help").out.split())
    assert "`export --resume` goes on where it stopped" in told
    assert "An audit that is interrupted" in told


def test_what_chose_the_customers_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Quoted for a shell; where nothing could be kept, the export has a name to choose."""
    tell_how_to_go_on(None, Path("my list.csv"), ["--column", "Kunden Nr"], ["--within", "30d"])
    told = capsys.readouterr().err
    assert "could not be kept" in told
    assert "  imin-accounts export 'my list.csv' --column 'Kunden Nr' -o accounts.jsonl --resume\n" in told


def test_what_goes_on_goes_on_as_it_began(folder: Path, imin_server: str, fake_imin: FakeImin) -> None:
    """As fast, with as many customers as were left, to the same list of failures; a flag is a flag."""
    add_crowd(fake_imin, sellers=1, customers=COUNT)
    fake_imin.faults.add(Rule(Status(401), nth=range(11, 9_999)))
    pace = ("--rate", "900", "--concurrency", "1", "--limit", "20", "--failed", "bad.txt", "--insecure-http")
    ran = run("audit", "ids.txt", *pace, env=environment(imin_server))
    export, audit = re.findall(r"^  imin-accounts (.*)$", ran.err, re.MULTILINE)
    assert export.endswith("--resume --rate 900 --concurrency 1 --limit 10")
    assert export.startswith("export ids.txt --insecure-http -o ")
    assert audit.endswith(" --failed bad.txt")


def test_a_spent_pipe_has_to_be_fed_again(capsys: pytest.CaptureFixture[str]) -> None:
    """The identifiers came on standard input, which nobody can read twice."""
    tell_how_to_go_on(None, Path("-"), [], [])
    assert "To go on, with the same identifiers on standard input again:\n" in capsys.readouterr().err


def test_where_nothing_can_be_kept_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder for temporary files is no reason not to audit."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with Kept() as kept:
        kept.add(customer_rows("1"))
        assert kept.keep() is None


def test_what_is_kept_is_an_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless its folder has gone meanwhile."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    with Kept() as kept:
        kept.add(customer_rows("1"))
        path = kept.keep()
        assert path is not None
        assert list(read_customers(path)) == [customer_rows("1")]
        path.unlink()
        (tmp_path / "tmp").rmdir()
        assert kept.keep() is None
