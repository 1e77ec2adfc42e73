"""Whose accounts to read: which identifiers of a file, in which order, how often."""

import hashlib
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imin_accounts.cli._files import CannotRead
from imin_accounts.cli._many.ids import Pending, Shard, read_ids


@given(st.lists(st.text(alphabet="abc", max_size=2)))
def test_each_stands_once_in_the_order_of_its_first_mention(customers: list[str]) -> None:
    """Whatever is repeated."""
    with Pending() as pending:
        pending.add(customers)
        assert list(pending) == list(dict.fromkeys(customers))
        assert len(pending) == len(set(customers))


def test_who_is_discarded_is_not_left() -> None:
    """And it is told whether they were there."""
    with Pending() as pending:
        pending.add(["1", "2", "3"])
        assert [pending.discard("2"), pending.discard("2"), pending.discard("4")] == [True, False, False]
        assert list(pending) == ["1", "3"]


def test_a_limit_keeps_the_first_of_those_left() -> None:
    """Not of those who were there at the start."""
    with Pending() as pending:
        pending.add(["1", "2", "3", "4"])
        pending.discard("1")
        pending.keep(2)
        assert list(pending) == ["2", "3"]


@pytest.mark.parametrize("of", [1, 2, 7])
def test_shards_share_everybody_out(of: int) -> None:
    """Each customer belongs to exactly one shard."""
    shards = [Shard(number, of) for number in range(1, of + 1)]
    for n in range(200):
        assert sum(f"customer-{n}" in shard for shard in shards) == 1


def test_a_shard_is_what_the_documentation_says() -> None:
    """So that anybody can tell in any language which shard a customer belongs to."""
    number = int(hashlib.sha256("Zoë".encode()).hexdigest()[:16], 16)
    assert "Zoë" in Shard(1 + number % 5, 5)


@pytest.mark.parametrize(
    ("content", "column", "customers"),
    [
        pytest.param(b"1\n2\n", None, ["1", "2"], id="a line each"),
        pytest.param(b"1\r\n\r\n  2 \n\n3", None, ["1", "2", "3"], id="white space, other line ends"),
        pytest.param(b"\xef\xbb\xbf1\n", None, ["1"], id="byte order mark"),
        pytest.param("Zoë\n".encode(), None, ["Zoë"], id="not ASCII"),
        pytest.param(b"", None, [], id="nobody"),
        pytest.param(b'name,id\r\n"A, B",1\r\nC,"2"\r\n', "id", ["1", "2"], id="column of a CSV"),
        pytest.param(b'\xef\xbb\xbfid,name\n1,"A\nB"\n2\n,C\n', "id", ["1", "2"], id="odd CSV"),
        pytest.param(b"id,note\n1," + b"x" * 200_000 + b"\n", "id", ["1"], id="a cell of 200 kB"),
    ],
)
def test_identifiers_are_read(
    content: bytes, column: str | None, customers: list[str], tmp_path: Path
) -> None:
    """One a line, or from a column of a CSV; none is made of white space."""
    file = tmp_path / "ids.txt"
    file.write_bytes(content)
    assert list(read_ids(file, column)) == customers


@pytest.mark.parametrize(
    ("name", "content", "column", "error"),
    [
        pytest.param("ids.txt", b"\xff\n", None, CannotRead, id="not UTF-8"),
        pytest.param("ids.csv", b"id\n1\n", None, click.UsageError, id="a CSV without its column"),
        pytest.param("ids.csv", b"id\n1\n", "name", click.UsageError, id="no such column"),
        pytest.param("ids.csv", b"", "id", click.UsageError, id="an empty CSV"),
        pytest.param("ids.csv", b'id\n"1\n2\n', "id", CannotRead, id="a quote that does not end"),
    ],
)
def test_what_can_not_be_read_is_told_without_an_identifier(
    name: str, content: bytes, column: str | None, error: type[Exception], tmp_path: Path
) -> None:
    """The text says what is wrong, and not what was found: it may be an identifier."""
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(error) as raised:
        list(read_ids(file, column))
    assert "1" not in str(raised.value).replace(str(file), "").replace("cp1252", "").replace("utf-16", "")
