"""Tables on a narrow terminal: identifiers stay whole."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from imin_accounts.cli._export.text import JsonLines
from imin_accounts.cli._tables import Column, print_table
from imin_accounts.fake import FakeImin, add_rosie
from tests.cli.commands import environment
from tests.cli.processes import COMMAND
from tests.cli.rows import customer_rows, error_rows

LONG = "0f8fad5b-d9cb-469f-a165-70867728950e-of-the-old-system"
ACME = "https://id.bookingsystem.example.com/organizers/1"


def on_a_terminal(folder: Path, base_url: str, *arguments: str, columns: int = 60) -> str:
    """What a command prints to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {**os.environ, **environment(base_url), "TERM": "xterm"}
    env.pop("COLUMNS", None)
    with subprocess.Popen([*COMMAND, *arguments], stdin=theirs, stdout=theirs, env=env, cwd=folder):
        os.close(theirs)
        told = b""
        try:
            while piece := os.read(ours, 65536):
                told += piece
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    return told.decode()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["accounts", LONG], id="accounts"),
        pytest.param(["disconnect-all", LONG, "--dry-run"], id="dry run"),
    ],
)
def test_no_identifier_is_split(
    command: list[str], tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """In 60 columns the customer's and the seller's can be copied."""
    add_rosie(fake_imin)
    fake_imin.add_customer(LONG)
    fake_imin.connect(LONG, ACME)
    told = on_a_terminal(tmp_path, imin_server, *command)
    assert ACME in told
    assert LONG in told or command[0] == "accounts"


def test_no_identifier_of_an_audit_is_split(tmp_path: Path, imin_server: str) -> None:
    """Neither those of customers who could not be read, nor sellers' that have no name."""
    rows = error_rows(LONG) + customer_rows("1", name="")
    (tmp_path / "out.jsonl").write_bytes(JsonLines().write(rows))
    told = on_a_terminal(tmp_path, imin_server, "audit", "out.jsonl")
    assert LONG in told
    assert "https://sellers.example.com/2" in told


def printed(rows: list[tuple[str, str, str]], width: int) -> list[str]:
    """The lines of a table whose first column holds identifiers."""
    to = Console(file=StringIO(), width=width)
    print_table(
        to, (Column("Customer", is_id=True), Column("Words"), Column("Url")), rows, title="T", caption="C"
    )
    assert isinstance(to.file, StringIO)
    return to.file.getvalue().splitlines()


WORD = st.text("abcdefg", min_size=1, max_size=40)


@given(
    st.lists(
        st.tuples(
            st.lists(WORD, min_size=1, max_size=3).map(" ".join),
            st.lists(WORD, max_size=8).map(" ".join),
            WORD,
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(20, 160),
)
def test_no_word_is_split_in_any_width(rows: list[tuple[str, str, str]], width: int) -> None:
    """An identifier stands whole in one line, blanks in it included, and so does each word beside it."""
    lines = printed(rows, width)
    for customer, words, url in rows:
        assert any(customer in line for line in lines)
        assert all(any(word in line for line in lines) for word in (*words.split(), url))


def test_where_it_fits_it_is_a_table() -> None:
    """Words are folded between words before a row becomes several lines."""
    rows = [("customer-1", "some words that take more than one line", "https://sellers.example.com/1")]
    assert max(map(len, printed(rows, 60))) <= 60
    assert not any("Customer: " in line for line in printed(rows, 60))
    assert any("Customer: customer-1" in line for line in printed(rows, 50))


def test_a_title_stands_whole_above_rows_in_several_lines() -> None:
    """The terminal folds it where it has to, and what one copies has no line end in it."""
    to = Console(file=StringIO(), width=40)
    print_table(to, (Column("Customer", is_id=True),), [(LONG,)], title=f"Of {LONG}", caption=f"In {LONG}")
    assert isinstance(to.file, StringIO)
    assert {f"Of {LONG}", f"Customer: {LONG}", f"In {LONG}"} <= {*to.file.getvalue().splitlines()}
