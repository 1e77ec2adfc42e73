"""What the emulator keeps in files: scripts of faults, and its state."""

import json
import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import imin_accounts.fake
from imin_accounts.fake import (
    Drift,
    Drifted,
    Drop,
    Duplicated,
    Effect,
    ErrorBody,
    FakeImin,
    Flaw,
    Late,
    Latency,
    Lost,
    Malformed,
    NotificationEffect,
    OtherCustomer,
    RateLimit,
    Reordered,
    Rule,
    Stall,
    Status,
    Undocumented,
    WrongKey,
    add_crowd,
    add_rosie,
)
from tests.cli.commands import run
from tests.fake.requests import ask, items, with_rosie
from tests.paths import DOCS, EXAMPLES

EFFECTS: dict[type[Effect], st.SearchStrategy[Effect]] = {
    Status: st.builds(
        Status,
        st.integers(200, 599),
        body=st.sampled_from(ErrorBody),
        retry_after=st.none()
        | st.integers(0, 60)
        | st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=5),
        processed=st.booleans(),
    ),
    Latency: st.builds(Latency, st.floats(0, 60)),
    Stall: st.builds(Stall, processed=st.booleans()),
    Drop: st.builds(Drop, processed=st.booleans()),
    OtherCustomer: st.builds(OtherCustomer, st.text(max_size=5)),
    Malformed: st.builds(Malformed, st.sampled_from(Flaw)),
    Drifted: st.builds(Drifted, st.sampled_from(Drift)),
}
NOTIFICATION_EFFECTS: dict[type[NotificationEffect], st.SearchStrategy[NotificationEffect]] = {
    Lost: st.builds(Lost),
    Duplicated: st.builds(Duplicated, st.integers(2, 9)),
    Late: st.builds(Late, st.floats(0, 60)),
    Reordered: st.builds(Reordered, st.floats(0, 60)),
    WrongKey: st.builds(WrongKey, absent=st.booleans()),
}


def rules_with(effects: st.SearchStrategy[Any], endpoints: list[str | None]) -> st.SearchStrategy[Rule]:
    """Any rules with such effects."""
    return st.builds(
        Rule,
        effects,
        endpoint=st.sampled_from(endpoints),
        customer=st.none() | st.text(max_size=5),
        nth=st.none() | st.frozensets(st.integers(1, 9)),
        probability=st.floats(0, 1),
    )


RULES = rules_with(
    st.one_of(*EFFECTS.values()), [None, "get_seller_accounts", "delete_seller_account", "connect_account"]
) | rules_with(st.one_of(*NOTIFICATION_EFFECTS.values()), [None])
LIMITS = st.builds(
    RateLimit, st.integers(1, 9), retry_after=st.none() | st.integers(0, 9), body=st.sampled_from(ErrorBody)
)


@given(st.lists(RULES, max_size=3), st.none() | LIMITS)
def test_a_script_reads_as_it_was_written(rules: list[Rule], limit: RateLimit | None) -> None:
    """Through JSON and back, every rule is what it was."""
    first, second = FakeImin(), FakeImin()
    first.faults.add(*rules)
    first.faults.rate_limit = limit
    second.faults.load(json.loads(json.dumps(first.faults.script())))
    assert (second.faults.rules, second.faults.rate_limit) == (tuple(rules), limit)


def test_a_script_as_written_by_hand() -> None:
    """What is left out has its default, and a script takes the place of what was in force."""
    fake = FakeImin()
    fake.faults.add(Rule(Drop()))
    fake.faults.load(
        {
            "rate_limit": {"per_second": 5},
            "rules": [
                {"nth": 1, "effect": {"status": {"status": 503, "retry_after": 2}}},
                {"customer": "rosie", "nth": [2, 3], "effect": {"other_customer": {}}},
            ],
        }
    )
    assert fake.faults.rate_limit == RateLimit(5)
    assert fake.faults.rules == (
        Rule(Status(503, retry_after=2), nth=1),
        Rule(OtherCustomer(), customer="rosie", nth=(2, 3)),
    )


def test_the_example_can_be_loaded() -> None:
    """The script in ``examples/`` is one, and shows every effect."""
    script = json.loads((EXAMPLES / "faults.json").read_text(encoding="utf-8"))
    fake = FakeImin()
    fake.faults.load(script)
    assert {type(rule.effect) for rule in fake.faults.rules} == {
        *get_args(Effect),
        *get_args(NotificationEffect),
    }


def test_every_effect_is_known_everywhere() -> None:
    """It can be imported, looked up in the reference and in the emulator's help, and is tried above."""
    reference = (DOCS / "reference" / "fake.rst").read_text(encoding="utf-8")
    shown = run("emulator", "--help").out
    for effect in (*get_args(Effect), *get_args(NotificationEffect)):
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", effect.__name__).lower()
        assert getattr(imin_accounts.fake, effect.__name__) is effect
        assert f".. autoclass:: {effect.__name__}\n" in reference
        assert re.search(rf"\b{name}\b", shown)
    assert EFFECTS.keys() == set(get_args(Effect))
    assert NOTIFICATION_EFFECTS.keys() == set(get_args(NotificationEffect))


@pytest.mark.parametrize(
    ("script", "where"),
    [
        ([], r"\$: expected an object"),
        ({"rule": []}, r"\$: there is no member 'rule'"),
        ({"rules": {}}, r"\$\.rules: expected an array"),
        ({"rules": [7]}, r"\$\.rules\[0\]\.effect: expected an object with one member, of status, latency,"),
        ({"rules": [{"effect": {"drop": {}}}, {}]}, r"\$\.rules\[1\]\.effect: expected"),
        ({"rules": [{"effect": {"explode": {}}}]}, r"\$\.rules\[0\]\.effect: expected"),
        ({"rules": [{"effect": {"drop": {}, "stall": {}}}]}, r"\$\.rules\[0\]\.effect: expected"),
        ({"rules": [{"effect": {"drop": 1}}]}, r"\$\.rules\[0\]\.effect\.drop: expected an object"),
        ({"rules": [{"effect": {"status": {}}}]}, r"\$\.rules\[0\]\.effect\.status: .*status"),
        ({"rules": [{"effect": {"latency": {"seconds": "1"}}}]}, r"latency: seconds must be a number from 0"),
        ({"rules": [{"effect": {"drop": {}}, "nht": 1}]}, r"\$\.rules\[0\]: there is no member 'nht'"),
        (
            {"rules": [{"effect": {"drop": {}}, "nth": 0}]},
            r"\$\.rules\[0\]: nth must be a whole number from 1",
        ),
        ({"rules": [{"effect": {"drop": {}}, "nth": 1.5}]}, r"\$\.rules\[0\]: "),
        (
            {"rules": [{"effect": {"other_customer": {"customer": "\ud800"}}}]},
            r"\.other_customer: customer must be a string",
        ),
        *(
            (
                {"rules": [{"effect": {"status": {"status": 503, "retry_after": text}}}]},
                r"\$\.rules\[0\]\.effect\.status: retry_after must be a string without control characters",
            )
            for text in ("a\nb", "a\rb", "1\r\n", "\0", "\x7f", "\x85", "5 \u20ac", "\u2028", "\ud800")
        ),
        ({"rate_limit": {"per_second": 0}}, r"\$\.rate_limit: per_second must be a whole number from 1"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused(script: Any, where: str) -> None:
    """With its place and the reason; what was in force stays."""
    fake = FakeImin()
    fake.faults.add(Rule(Drop()))
    with pytest.raises(ValueError, match=where):
        fake.faults.load(script)
    assert fake.faults.rules == (Rule(Drop()),)


async def test_a_state_comes_back_as_it_was() -> None:
    """Through JSON into another emulator, everybody gets the same replies, and the same may be done."""
    first, second = FakeImin(), with_rosie()
    add_rosie(first)
    add_crowd(first, sellers=3, customers=5)
    first.undocumented = Undocumented(not_found=ErrorBody.EMPTY, link_lifetime=5)
    second.restore(json.loads(json.dumps(first.snapshot())))
    for customer in ("rosie", *(f"customer-{n}" for n in range(1, 6))):
        assert (await ask(first, customer=customer)).body == (await ask(second, customer=customer)).body
    assert second.snapshot() == first.snapshot()
    assert second.undocumented == first.undocumented


GOOD = {
    "version": 1,
    "sellers": [{"@id": "urn:s"}],
    "customers": [{"id": "c"}],
    "members": [{"seller": "urn:s", "email": "a@b.example", "password": "p"}],
    "connections": [
        {
            "customer": "c",
            "seller": "urn:s",
            "email": None,
            "date_linked": "2026-01-01T00:00:00Z",
            "date_modified": "2026-01-01T00:00:00Z",
        }
    ],
}


def but(part: str, **changes: Any) -> dict[str, Any]:
    """``GOOD`` with the first of a part changed."""
    return {**GOOD, part: [{**GOOD[part][0], **changes}]}  # type: ignore[index]


@pytest.mark.parametrize(
    ("snapshot", "where"),
    [
        (None, r"\$: expected an object with version 1"),
        ({**GOOD, "version": 2}, r"\$: expected an object with version 1"),
        ({**GOOD, "people": []}, r"\$: there is no member 'people'"),
        ({**GOOD, "sellers": {}}, r"\$\.sellers: expected an array"),
        ({**GOOD, "sellers": ["urn:s"]}, r"\$\.sellers\[0\]: expected an object"),
        ({**GOOD, "undocumented": {"teapot": 1}}, r"\$\.undocumented: there is no member 'teapot'"),
        (but("members", age=7), r"\$\.members\[0\]: there is no member 'age'"),
        (but("sellers", **{"@id": 7}), r"\$\.sellers\[0\]\.@id: expected a string"),
        (but("customers", id=None), r"\$\.customers\[0\]\.id: expected a string"),
        (but("customers", email=7), r"\$\.customers\[0\]: email must be a string"),
        (but("customers", phone="1"), r"\$\.customers\[0\]: there is no member 'phone'"),
        (but("members", seller="urn:x"), r"\$\.members\[0\]\.seller: there is no such seller"),
        (but("members", password=7), r"\$\.members\[0\]\.password: expected a string"),
        (but("connections", seller="urn:x"), r"\$\.connections\[0\]\.seller: there is no such seller"),
        (
            but("connections", date_linked="soon"),
            r"\$\.connections\[0\]: date_linked must be a date and time aware of its offset",
        ),
        (
            but("connections", date_modified="2026-01-01"),
            r"date_modified must be a date and time aware of its offset",
        ),
        (but("connections", hidden_entitlements="no"), r"hidden_entitlements must be true or false"),
        (but("connections", evidence=[7]), r"\$\.connections\[0\]\.evidence\[0\]: expected an object"),
    ],
)
def test_a_state_that_makes_no_sense_is_refused(snapshot: Any, where: str) -> None:
    """With its place and the reason; everybody stays."""
    fake = with_rosie()
    before = fake.snapshot()
    with pytest.raises(ValueError, match=where):
        fake.restore(snapshot)
    assert fake.snapshot() == before


@pytest.mark.parametrize("put_back", [False, True])
def test_a_snapshot_is_a_copy(put_back: bool) -> None:
    """What is done to it afterwards does not reach the emulator, taken from it or given to it."""
    fake = FakeImin()
    add_rosie(fake)
    before = json.dumps(fake.snapshot())
    snapshot = fake.snapshot()
    if put_back:
        fake.restore(snapshot)
    snapshot["sellers"][0]["logo"]["url"] = "changed"
    snapshot["connections"][0]["evidence"][0]["evidenceRequest"]["url"] = "changed"
    assert json.dumps(fake.snapshot()) == before


def test_a_state_as_written_by_hand() -> None:
    """What may be left out has its default."""
    fake = FakeImin()
    fake.restore(GOOD)
    assert fake.snapshot()["connections"][0]["hidden_entitlements"] is False


async def test_a_members_email_is_found_in_any_case() -> None:
    """A file is written by people: what they capitalise is the same address as the customer's."""
    fake = FakeImin()
    fake.restore({**but("members", email="Rosie@Example.COM"), "connections": []})
    fake.add_customer("c", email="rosie@EXAMPLE.com")
    (item,) = await items(fake, "c")
    assert item["imin:matchingEmailExists"] is True
