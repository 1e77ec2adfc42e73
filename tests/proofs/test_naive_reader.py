"""The library reads as a second, naive reader does that was written from the documentation alone.

2,000 replies in the ordinary run, 200,000 with ``CI_LONG``; the same ones every time.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from yarl import URL

from imin_accounts import (
    ConnectedAccount,
    DecodeError,
    NoAccount,
    UnconnectedAccount,
    UnrecognisedAccount,
    from_jsonld,
    to_jsonld,
)
from tests.length import LONG
from tests.proofs import naive_reader
from tests.proofs.naive_reader import ANY, Json, Refused
from tests.proofs.odd_replies import body, document, respelled, written

COUNT = 200_000 if LONG else 2000
STATES = {
    "connected": ConnectedAccount,
    "unconnected": UnconnectedAccount,
    "none": NoAccount,
    "unrecognised": UnrecognisedAccount,
}
REASONS = {
    "JSON": "$: expected JSON",
    "object": "$: expected object",
    "levels": "$: expected",  # past some hundred levels it may say that it is no JSON
    "items": "$['imin:item']: expected array",
}
SILENT = ("problem", "drift", "state", "contradictory", "items", "seller_ids")
"""What is no field of a model."""

Difference = Iterator[str]


def fields(naive: Any, ours: Any, path: str) -> Difference:
    """Where a value of ours is not the naive reader's."""
    if naive is ANY:
        return
    if isinstance(ours, URL) and naive is not None:
        naive = URL(naive, encoded=True)  # a host in small letters, and a path
    if isinstance(naive, dict):
        if ours is None:
            yield f"{path}: {naive} became None"
            return
        for name in naive.keys() - {*SILENT}:
            yield from fields(naive[name], getattr(ours, name, "no such field"), f"{path}.{name}")
    elif isinstance(naive, tuple) and isinstance(ours, tuple) and len(naive) == len(ours):
        for index, (one, other) in enumerate(zip(naive, ours, strict=True)):
            yield from fields(one, other, f"{path}[{index}]")
    elif isinstance(naive, datetime) and isinstance(ours, datetime):
        if (naive, naive.utcoffset()) != (ours, ours.utcoffset()):
            yield f"{path}: {naive} became {ours}"
    elif str(naive) != str(ours) or ((naive is None or isinstance(naive, bool)) and naive is not ours):
        yield f"{path}: {naive!r} became {ours!r}"


def items(naive: Json, accounts: Any) -> Difference:
    """Where an item is in another state, has other fields, or a problem where the other has none."""
    if len(naive["items"]) != len(accounts):
        yield f"{len(naive['items'])} items became {len(accounts)}"
    for index, (one, account) in enumerate(zip(naive["items"], accounts, strict=False)):
        if one["state"] is not ANY and type(account) is not STATES[one["state"]]:
            yield f"item {index}: {one['state']} became {type(account).__name__}"
        else:
            yield from fields(one, account, f"item {index}")
        if one["problem"] != bool(account.problems):
            yield f"item {index}: problem {one['problem']}, but {account.problems}"


def drift(naive: Json, accounts: Any) -> Difference:
    """Where another member or type is reported as unknown, whatever the sentence's details."""
    found = set[str]()
    for sentence in accounts.drift():
        found.add(re.sub(r"\['@?type'\]: .*|\.type: .*", "", sentence).replace("[*]", ""))
    if naive["drift"] is not ANY and naive["drift"] != found:
        yield f"drift: {sorted(naive['drift'])} became {sorted(found)}"


def connections(naive: Json, accounts: Any) -> Difference:
    """Where the evidence about a seller is another."""
    if naive["id"] == "" or any(item["state"] is ANY for item in naive["items"]):
        return
    named = {item["seller"]["id"] for item in naive["items"] if item["seller"]}
    for seller in named.union({"another"}, *(item.get("seller_ids", ()) for item in naive["items"])):
        told = accounts.is_connected(seller)
        if naive_reader.is_connected(naive, seller) is not told:
            yield f"is_connected: {naive_reader.is_connected(naive, seller)} became {told}"


def meaning(value: Any) -> Any:
    """A JSON value up to what writing may change.

    It leaves out members that are null or an empty array, and may write ``+00:00`` for ``Z``. All else stays:
    an integer is one of exactly that value, a float keeps its value, arrays and their nulls their order.
    """
    match value:
        case dict():
            return {key: meaning(each) for key, each in value.items() if each is not None and each != []}
        case list():
            return [meaning(each) for each in value]
        case bool() | None:
            return value
        case int() | float():
            return value and type(value).__name__, Fraction(value)
        case _ if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value, re.ASCII):
            return f"{value[:-1]}+00:00"
    return value


def writing(data: bytes, accounts: Any) -> Difference:
    """Where writing loses something, where what was written or a dict reads otherwise than bytes."""
    parsed = naive_reader.parse(data)
    if naive_reader.has_too_large(parsed):
        return
    again = to_jsonld(accounts)
    if meaning(again) != meaning(parsed):
        yield f"written as {again}"
    if from_jsonld(again) != accounts:
        yield "written, it reads otherwise"
    if from_jsonld(parsed) != accounts or meaning(to_jsonld(from_jsonld(parsed))) != meaning(parsed):
        yield "as a dict it reads otherwise"


def differences(data: bytes) -> Difference:
    """Each thing that the two readers say differently about a reply."""
    try:
        naive = naive_reader.read(data)
    except Refused as refused:
        said = refusal(data)
        if said is None or not said.startswith(REASONS[str(refused)]):
            yield f"refused as {refused}, became {said}"
        return
    said = refusal(data)
    if said is not None:
        if naive["problem"] is not ANY:
            yield f"read, but {said}"
        return
    accounts: Any = from_jsonld(data)
    if "items" not in naive:
        return
    yield from fields(naive, accounts, "reply")
    if naive["problem"] != bool(accounts.problems):
        yield f"reply: problem {naive['problem']}, but {accounts.problems}"
    for compared in (items, drift, connections):
        yield from compared(naive, accounts)
    yield from writing(data, accounts)
    strictly = refusal(data, strict=True) is not None
    if strictly is not any([accounts.problems, *(account.problems for account in accounts)]):
        yield "strict reading goes by something else than problems"


def refusal(data: bytes, **options: Any) -> str | None:
    try:
        from_jsonld(data, **options)
    except DecodeError as error:
        return str(error)
    return None


def found(check: Callable[[Random], Difference]) -> list[str]:
    """The first differences in so many replies, each with the seed that makes it."""
    wrong: list[str] = []
    for seed in range(COUNT):
        try:
            wrong += (f"{seed}: {difference}"[:500] for difference in check(Random(seed)))
        except Exception as error:
            error.add_note(f"with seed {seed}")
            raise
        if len(wrong) > 20:
            break
    return wrong


@pytest.mark.timeout(3600)
def test_both_readers_agree() -> None:
    """About every reply both say the same, wherever the documentation says anything."""
    assert found(lambda rng: differences(body(rng))) == []


@pytest.mark.timeout(3600)
def test_what_means_the_same_is_equal() -> None:
    """Models of a reply and of one that is only spelled differently are equal, and hash alike."""

    def unequal(rng: Random) -> Difference:
        made = document(rng)
        one, other = written(made).encode(), written(respelled(made, rng)).encode()
        try:
            naive = naive_reader.read(one)
        except Refused:
            return
        items, drift = naive.get("items", [{"state": "unrecognised"}]), naive.get("drift", ANY)
        if drift is ANY or any(each.startswith("unknown member") for each in drift):
            return  # where it has no field, the other spelling of a member is another member
        if naive.get("problem") is not False or re.search(rb'"potentialAction": .[^]]*"expiry"', one):
            return  # what can't be read, and the date of an action, are kept as text
        if all(item["state"] != "unrecognised" and item["problem"] is False for item in items):
            if refusal(other) is not None:
                return  # spelled as arrays of one, it has more than 64 levels
            first, second = from_jsonld(one), from_jsonld(other)
            if (first, hash(first)) != (second, hash(second)):
                yield f"{one.decode()} and {other.decode()}"

    assert found(unequal) == []


def test_the_replies_are_worth_reading() -> None:
    """Most can be read, items of every state and with and without problems are among them, little is open."""
    told: list[Any] = []
    for seed in range(1000):
        try:
            told += naive_reader.read(body(Random(seed))).get("items", [])
        except Refused:
            told.append({"state": "refused", "problem": False})
    states = [each["state"] for each in told if each["state"] is not ANY]
    assert min(states.count(state) for state in [*STATES, "refused"]) > 60
    assert states.count("refused") < 200
    assert len(told) - len(states) < 60
    clear = [each["problem"] for each in told if each["problem"] is not ANY]
    assert min(clear.count(True), clear.count(False)) > 300
    assert len(told) - len(clear) < 30


SAME = [
    ("2021-01-27", "2021-01-27T00:00:00Z", "2021-01-27T23:59:59.999999Z"),
    ("2021-01-27T12:00:00.1234560Z", "2021-01-27T12:00:00.123456Z", "2021-01-27T12:00:00.123456+00:00"),
]


@pytest.mark.parametrize(("text", "first", "last"), SAME)
def test_the_naive_reader_reads_dates(text: str, first: str, last: str) -> None:
    """It is held to a few cases itself, as the documentation states them."""
    item = naive_reader.Item()
    assert naive_reader.first_moment(text, "", item) == datetime.fromisoformat(first)
    assert naive_reader.last_moment(text, "", item) == datetime.fromisoformat(last)


@pytest.mark.parametrize(
    ("link", "good"),
    [
        ("https://book.imin.co/auth?jwt=a.b", True),
        ("HTTP://[::1]:8/", True),
        ("https://x y/", False),
        ("https://<", False),
        ("https://[a]@", False),
        ("https://[a]/", False),
        ("https://1.2.3.999/", False),
        ("https://x:99999/", False),
        ("javascript:x", False),
    ],
)
def test_the_naive_reader_knows_links(link: str, good: bool) -> None:
    """It hands out what a browser would follow, and nothing else."""
    assert naive_reader.is_link(link) is good
