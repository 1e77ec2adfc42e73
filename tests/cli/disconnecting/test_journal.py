"""The journal of a run: what stands there, in which order, and what a new run makes of it."""

import asyncio
import json
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from imin_accounts import OutcomeUnknown
from imin_accounts.cli._disconnecting.journal import Journal
from imin_accounts.cli._files import CannotRead, CannotWrite
from tests.cli.people import NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "journal.jsonl"


def opened(path: Path) -> tuple[Journal, list[tuple[str, bool]]]:
    """A journal, and whom it says to be cleared (True) or unknown."""
    journal = Journal(path, now=lambda: NOW)
    return journal, list(journal.resume())


def lines(path: Path) -> list[dict[str, Any]]:
    """What stands in it."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def begin(path: Path) -> None:
    """Write a journal of a customer with two accounts: one is disconnected, of the other nobody can tell."""
    journal, _ = opened(path)
    with closing(journal):
        asyncio.run(journal.intend("1", ["urn:a", "urn:b"]))
        journal.disconnect("1", "urn:a", "confirmed")
        journal.fail("1", "urn:b", OutcomeUnknown("timeout"))


def test_each_line_says_what_when_and_about_whom(path: Path) -> None:
    """Intentions, certain outcomes, failures by their class, and the end of the matter."""
    begin(path)
    journal, _ = opened(path)
    with closing(journal):
        journal.disconnect("1", "urn:b", "verified")
        journal.clear("1")
    at = {"at": "2026-03-04T12:00:00Z", "customer": "1"}
    assert lines(path) == [
        {**at, "event": "intended", "seller": "urn:a"},
        {**at, "event": "intended", "seller": "urn:b"},
        {**at, "event": "disconnected", "seller": "urn:a", "outcome": "confirmed"},
        {**at, "event": "failed", "seller": "urn:b", "error": "OutcomeUnknown"},
        {**at, "event": "disconnected", "seller": "urn:b", "outcome": "verified"},
        {**at, "event": "cleared"},
    ]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_new_run_knows_what_is_open(path: Path) -> None:
    """Intended and not certainly done: open; a failure closes nothing."""
    begin(path)
    journal, cleared = opened(path)
    with closing(journal):
        assert (cleared, journal.open_sellers("1"), journal.disconnected) == ([], {"urn:b"}, 1)
        journal.clear("1")
    journal, cleared = opened(path)
    with closing(journal):
        assert (cleared, journal.open_sellers("1"), journal.has_open_sellers) == ([("1", True)], set(), False)


def test_a_new_run_knows_who_was_unknown(path: Path) -> None:
    """In its place among those who are cleared."""
    journal, _ = opened(path)
    with closing(journal):
        journal.miss("1")
        journal.clear("2")
    journal, known = opened(path)
    journal.close()
    assert known == [("1", False), ("2", True)]


def test_a_torn_line_is_cut_off_wherever_it_ends(path: Path) -> None:
    """A killed run may leave part of its last line: the lines before it count."""
    begin(path)
    kept = path.stat().st_size
    journal, _ = opened(path)
    with closing(journal):
        journal.clear("1")
    whole = path.read_bytes()
    for size in range(kept, len(whole)):
        path.write_bytes(whole[:size])
        journal, cleared = opened(path)
        journal.close()
        assert (cleared, path.stat().st_size) == ([], kept)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"customer-1\n", id="identifiers"),
        pytest.param(b'{"customer": "1"}\n', id="no event"),
        pytest.param(b'{"customer": "1", "event": "danced"}\n', id="another event"),
        pytest.param(b'{"customer": 1, "event": "cleared"}\n', id="no text"),
        pytest.param(b'{"customer": "1", "event": "intended"}\n', id="no seller"),
        pytest.param(b"[]\n", id="no object"),
        pytest.param(b"\xff\n", id="not UTF-8"),
        pytest.param(b"\n", id="an empty line"),
        pytest.param(b'\xef\xbb\xbf{"event": "cleared", "customer": "1"}\n', id="a byte order mark"),
        pytest.param(b'{"a":' * 100_000 + b"\n", id="deep"),
        pytest.param(b'{"event": ' + b"9" * 5000 + b"}\n", id="a huge number"),
        pytest.param(b'{"event": ["cleared"], "customer": "1"}\n', id="a list for the event"),
        pytest.param(b'{"event": "cleared", "customer": {"id": "1"}}\n', id="an object for the customer"),
        pytest.param(b"one torn line of something else", id="torn"),
    ],
)
def test_what_is_no_journal_is_left_alone(content: bytes, path: Path) -> None:
    """It is told without its content, and not touched."""
    path.write_bytes(content)
    with pytest.raises(CannotRead, match="line 1 is no line of such a journal"):
        opened(path)
    assert path.read_bytes() == content


def test_two_processes_do_not_write_to_one_journal(path: Path) -> None:
    """The second one is told."""
    journal, _ = opened(path)
    with closing(journal), pytest.raises(CannotWrite, match="another process"):
        opened(path)


def test_an_identifier_of_any_kind_is_kept(path: Path) -> None:
    """Even one that no text file can hold as it is."""
    journal, _ = opened(path)
    with closing(journal):
        journal.clear("\udc80\n\x1b")
    assert lines(path)[0]["customer"] == "\udc80\n\x1b"


def test_a_line_that_was_edited_is_told_by_its_number(path: Path) -> None:
    """Without a word of it; nothing is cut off."""
    begin(path)
    edited = path.read_text().replace('"disconnected"', '"canary"')
    path.write_text(edited)
    with pytest.raises(CannotRead) as caught:
        opened(path)
    assert str(caught.value.message) == f"can't read {path}: line 3 is no line of such a journal."
    assert path.read_text() == edited


def test_nothing_may_be_done_once_the_journal_is_gone(path: Path) -> None:
    """What is intended would stand nowhere."""
    journal, _ = opened(path)
    path.unlink()
    with pytest.raises(CannotWrite, match="it was moved, removed or replaced meanwhile"):
        asyncio.run(journal.intend("1", ["urn:a"]))
    with pytest.raises(CannotWrite):
        journal.close()
    journal.close()


HERE, THERE = "https://book.imin.co", "https://gateway.example/imin"


def journal_at(path: Path, imin: str | None) -> tuple[Journal, list[tuple[str, bool]]]:
    """A journal of the imin at an address, and whom it says to be cleared or unknown."""
    journal = Journal(path, now=lambda: NOW, imin=imin)
    with ExitStack() as unless_it_can_be_resumed:
        unless_it_can_be_resumed.callback(journal.close)
        known = list(journal.resume())
        unless_it_can_be_resumed.pop_all()
    return journal, known


def test_a_journal_is_of_one_imin(path: Path) -> None:
    """Who is cleared at one address may be connected at another: a journal of another one is refused."""
    journal, _ = journal_at(path, HERE)
    with closing(journal):
        journal.clear("1")
    before = path.read_bytes()
    with pytest.raises(CannotRead, match=f"of the imin at {HERE}, not of {THERE}"):
        journal_at(path, THERE)
    assert path.read_bytes() == before
    journal, known = journal_at(path, HERE)
    journal.close()
    assert known == [("1", True)]


def test_an_older_journal_clears_nobody(path: Path) -> None:
    """Its lines don't say at which address: its customers are asked for again, and are told to be so."""
    begin(path)
    journal, _ = journal_at(path, None)
    with closing(journal):
        journal.clear("2")
        journal.miss("3")
    journal, known = journal_at(path, HERE)
    with closing(journal):
        assert (known, journal.doubtful, journal.open_sellers("1")) == ([], 2, {"urn:b"})
        journal.clear("2")
    journal, known = journal_at(path, HERE)
    journal.close()
    assert known == [("2", True)]


@pytest.mark.parametrize("zeros", [1, 4_096, 100_000])
@pytest.mark.parametrize("torn", [b"", b'{"at": "2026-03', b'{"a'])
def test_a_tail_of_zeros_is_a_torn_one(torn: bytes, zeros: int, path: Path) -> None:
    """After a power cut a file may be longer than what was written of it: the lines before count."""
    begin(path)
    whole = path.read_bytes()
    path.write_bytes(whole + torn + b"\0" * zeros)
    journal, _ = opened(path)
    journal.close()
    assert path.read_bytes() == whole


def test_zeros_after_something_else_are_not_touched(path: Path) -> None:
    """What was no journal does not become one."""
    path.write_bytes(b"precious\0\0\0")
    with pytest.raises(CannotRead, match="line 1"):
        opened(path)
    assert path.read_bytes() == b"precious\0\0\0"
