"""The cases of JSONTestSuite, as parts of a reply and as replies: what is JSON is read, all else is refused.

They are read from ``test_parsing`` in the folder that ``JSON_TEST_SUITE`` names, a checkout of
https://github.com/nst/JSONTestSuite, and skipped without it.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imin_accounts import ConnectedAccount, DecodeError, UnrecognisedAccount, from_jsonld, to_jsonld
from tests.strategies import normal

SUITE = Path(os.environ.get("JSON_TEST_SUITE", "/no/such/folder"), "test_parsing")
CASES = {path.stem: path.read_bytes() for path in sorted(SUITE.glob("*.json"))}

pytestmark = pytest.mark.skipif(
    not CASES, reason="JSON_TEST_SUITE names no checkout of https://github.com/nst/JSONTestSuite"
)

ITEM = b'{"seller": {"@id": "https://id.example.com/1"}, "dateLinked": "2021-01-27T12:00:00Z"%b}'
PLACES: Mapping[str, bytes] = {
    "envelope": b'{"@type": "imin:Collection", "imin:item": [%b], "x": CASE}' % (ITEM % b""),
    "item": b'{"@type": "imin:Collection", "imin:item": [%b]}' % (ITEM % b', "x": CASE'),
}
in_each_place = pytest.mark.parametrize("place", PLACES)

NO_JSON = r"\$: expected (JSON|at most 64 levels)"
"""Why a text is refused: past some hundred levels nobody looks whether they are closed."""


def cases(kind: str) -> pytest.MarkDecorator:
    """Every case of a kind: y must be read, n refused, i is left to each parser."""
    return pytest.mark.parametrize("case", [name for name in CASES if name.startswith(kind)])


def wrapped(case: str, place: str) -> bytes:
    """A good reply but for an unknown member, whose value is the case's bytes."""
    return PLACES[place].replace(b"CASE", CASES[case])


def refusal(body: bytes) -> str | None:
    """Why a body is refused; nothing but ``DecodeError`` may come out."""
    try:
        from_jsonld(body)
    except DecodeError as error:
        return str(error)
    return None


def test_the_suite_is_whole() -> None:
    """There are as many cases of each kind as when this was written, or more."""
    counts = {kind: sum(name.startswith(kind) for name in CASES) for kind in "yni"}
    assert counts["y"] >= 95
    assert counts["n"] >= 188
    assert counts["i"] >= 35


@in_each_place
@cases("y_")
def test_a_json_value_is_read_and_written(case: str, place: str) -> None:
    """As an unknown member it costs nothing, and goes out as the value that it is."""
    body = wrapped(case, place)
    accounts = from_jsonld(body, strict=True)
    assert [type(account) for account in accounts] == [ConnectedAccount]
    holder: Any = accounts if place == "envelope" else accounts.item[0]
    value = json.loads(CASES[case])
    assert holder.extra == ({} if value is None or value == [] else {"x": value})
    if value is not None and value != []:
        assert normal(to_jsonld(accounts)) == normal(json.loads(body))


@cases("y_")
def test_a_json_value_alone_is_no_reply(case: str) -> None:
    """The error says what is missing, not that it was no JSON."""
    reason = refusal(CASES[case])
    assert reason is not None
    assert "expected JSON" not in reason


@in_each_place
@cases("n_")
def test_what_is_no_json_is_refused(case: str, place: str) -> None:
    """Wherever it stands, the whole reply is not JSON."""
    assert re.match(NO_JSON, refusal(wrapped(case, place)) or "read")


@cases("n_")
def test_what_is_no_json_is_refused_alone(case: str) -> None:
    """And as a whole reply too."""
    assert re.match(NO_JSON, refusal(CASES[case]) or "read")


@in_each_place
@cases("i_")
def test_what_is_left_open_fails_in_one_way(case: str, place: str) -> None:
    """It is read, or refused with ``DecodeError``; a number too large costs its own item at most."""
    refused = refusal(wrapped(case, place))
    if refused is None:
        assert all(
            isinstance(account, ConnectedAccount | UnrecognisedAccount)
            for account in from_jsonld(wrapped(case, place))
        )
    assert refusal(CASES[case]) is not None


@cases("i_number")
def test_a_number_too_large_costs_its_item_at_most(case: str) -> None:
    """Its neighbour is read as if nothing were there."""
    good = ITEM % b""
    body = b'{"@type": "imin:Collection", "imin:item": [%b, %b]}' % (ITEM % (b', "x": ' + CASES[case]), good)
    accounts = from_jsonld(body)
    assert accounts.item[1] == from_jsonld(b'{"imin:item": [%b]}' % good).item[0]


@cases("i_number")
def test_a_whole_number_of_any_size_is_exact(case: str) -> None:
    """It is read and written digit for digit, as a part of a reply in bytes and of a parsed one."""
    body = wrapped(case, "item")
    whole = [number for number in json.loads(CASES[case]) if isinstance(number, int)]
    for document in (body, json.loads(body)) if whole else ():
        written = to_jsonld(from_jsonld(document))["imin:item"][0]["x"]
        assert json.dumps(written) == json.dumps(whole)  # 1e20 == 10**20
