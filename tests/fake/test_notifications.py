"""What the emulator tells a broker unasked: of which causes, in which form, and what may go wrong."""

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from imin_accounts.fake import (
    Duplicated,
    FakeImin,
    Late,
    Lost,
    Notify,
    Reordered,
    Rule,
    Status,
    Undocumented,
    WebhookCall,
    WrongKey,
)
from imin_accounts.models import ActionStatus
from tests.fake.requests import OTHER, SELLER, Clock, ask, items, with_rosie

EVIDENCE = {
    "@id": "e",
    "evidenceRequest": {"@type": "EvidenceRequestAction", "actionStatus": ActionStatus.ACTIVE},
}


def connected(*customers: str, **options: Any) -> FakeImin:
    """An emulator in which these customers have an account with a seller; nothing was told yet."""
    fake = with_rosie(FakeImin(seed=1, clock=Clock(), **options))
    for customer in customers or ("rosie",):
        fake.connect(
            customer,
            SELLER,
            email="rosie@example.com",
            access_pass="1",
            entitlements=[{"@id": "e"}, {"@id": "f"}],
            evidence=[EVIDENCE],
        )
    return fake


def told(calls: tuple[WebhookCall, ...]) -> list[str]:
    """Of whom, in order."""
    return [json.loads(call.body)["identifier"] for call in calls]


def test_it_has_the_documented_form() -> None:
    """Whose data changed, with the key that was agreed; ``@id`` is the URL of that customer's account."""
    fake = FakeImin(notification_key="agreed")
    fake.add_seller(SELLER)
    fake.connect("a/b ü", SELLER)
    fake.disconnect("a/b ü", SELLER)
    [(headers, body)] = fake.take_notifications()
    assert headers == {"Content-Type": "application/json", "X-Api-Key": "agreed"}
    assert json.loads(body) == {
        "@context": "https://openactive.io/",
        "@type": "CustomerAccount",
        "@id": "https://book.imin.co/api/v2/customer-accounts/a%2Fb%20%C3%BC",
        "identifier": "a/b ü",
    }


@pytest.mark.parametrize(
    ("cause", "count"),
    [
        pytest.param(lambda fake: fake.disconnect("rosie", SELLER), 1, id="disconnected at the seller"),
        pytest.param(lambda fake: fake.change_account("rosie", SELLER, email="r@x.example"), 1, id="details"),
        pytest.param(lambda fake: fake.change_account("rosie", SELLER, access_pass="2"), 1, id="pass"),
        pytest.param(lambda fake: fake.change_account("rosie", SELLER, access_pass=None), 1, id="no pass"),
        pytest.param(
            lambda fake: fake.change_account("rosie", SELLER, hidden_entitlements=True), 1, id="hidden"
        ),
        pytest.param(
            lambda fake: fake.change_account("rosie", SELLER, access_pass="2", email=None),
            1,
            id="two at once",
        ),
        pytest.param(
            lambda fake: fake.set_evidence("rosie", SELLER, "e", ActionStatus.FAILED), 1, id="rejected"
        ),
        pytest.param(
            lambda fake: fake.set_evidence("rosie", SELLER, "e", ActionStatus.COMPLETED), 0, id="accepted"
        ),
        pytest.param(lambda fake: fake.change_account("rosie", SELLER, access_pass="1"), 0, id="the same"),
        pytest.param(
            lambda fake: fake.change_account("rosie", SELLER, entitlements=()), 0, id="entitlements"
        ),
        pytest.param(lambda fake: fake.change_account("rosie", SELLER, evidence=()), 0, id="evidence"),
        pytest.param(
            lambda fake: fake.change_account("rosie", SELLER, update_errors=[{"@type": "X"}]), 0, id="errors"
        ),
        pytest.param(lambda fake: fake.disconnect("rosie", OTHER), 0, id="was not connected"),
        pytest.param(lambda fake: fake.connect("rosie", OTHER), 0, id="connected"),
        pytest.param(
            lambda fake: fake.remove_member(SELLER, "rosie@example.com"), 0, id="no member any more"
        ),
        pytest.param(lambda fake: fake.advance(1e9), 0, id="time"),
        pytest.param(lambda fake: fake.restore(fake.snapshot()), 0, id="restored"),
    ],
)
def test_each_documented_cause_is_told_once(cause: Callable[[FakeImin], object], count: int) -> None:
    """What imin's page names, and nothing else; one call may stand for several changes."""
    fake = connected()
    cause(fake)
    assert told(fake.take_notifications()) == ["rosie"] * count
    assert fake.take_notifications() == ()


@pytest.mark.parametrize("tells", [True, False])
async def test_a_disconnection_by_the_broker_may_be_told_too(tells: bool) -> None:
    """The page does not say by whom an account "has been disconnected": emulated both ways."""
    fake = connected(undocumented=Undocumented(own_delete_notifies=tells))
    assert (await ask(fake, "DELETE", seller=SELLER)).status == 204
    assert len(fake.take_notifications()) == tells


@pytest.mark.parametrize("request_after", ["stays", "goes"])
async def test_rejected_evidence_removes_the_entitlement(request_after: Any) -> None:
    """That one alone; what becomes of the request is not documented."""
    fake = connected(undocumented=Undocumented(rejected_evidence=request_after))
    fake.set_evidence("rosie", SELLER, "e", ActionStatus.FAILED)
    account = (await items(fake))[0]
    assert account["entitlement"] == [{"@id": "f"}]
    statuses = [node["evidenceRequest"]["actionStatus"] for node in account.get("imin:evidenceRequests", [])]
    assert statuses == ([ActionStatus.FAILED] if request_after == "stays" else [])


@pytest.mark.parametrize(
    ("change", "shows"),
    [
        ({"email": "new@example.com"}, {"customer"}),
        ({"access_pass": "2"}, {"accessPass"}),
        ({"hidden_entitlements": True}, {"hiddenEntitlements"}),
        ({"entitlements": [{"@id": "g"}]}, {"entitlement"}),
        ({"evidence": ()}, {"imin:evidenceRequests"}),
        ({"update_errors": [{"@type": "EntitlementConflict"}]}, {"imin:entitlementUpdateErrors"}),
        ({"access_pass": "1"}, set()),
    ],
)
async def test_a_change_shows_in_its_own_member(change: Any, shows: set[str]) -> None:
    """And its date in that member only: whoever compares two replies finds that one change."""
    fake = connected()
    before = (await items(fake))[0]
    fake.advance(60)
    fake.change_account("rosie", SELLER, **change)
    after = (await items(fake))[0]
    assert {key for key in before | after if before.get(key) != after.get(key)} == shows


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(lambda fake: fake.change_account("rosie", OTHER, access_pass="2"), id="not connected"),
        pytest.param(lambda fake: fake.change_account("rosie", SELLER, access_pass=2), id="no text"),
        pytest.param(lambda fake: fake.change_account("rosie", SELLER, date_linked=None), id="no such thing"),
    ],
)
async def test_a_change_that_can_not_be_is_refused(mistake: Callable[[FakeImin], object]) -> None:
    """A ValueError; nothing changed and nobody was told."""
    fake = connected()
    before = fake.snapshot()
    with pytest.raises(ValueError, match=r"no such|must be|has no"):
        mistake(fake)
    assert (fake.snapshot(), fake.take_notifications()) == (before, ())


@pytest.mark.parametrize(
    ("rules", "order"),
    [
        pytest.param([Rule(Lost(), nth=2)], "ac", id="lost"),
        pytest.param([Rule(Lost(), customer="a")], "bc", id="lost for one customer"),
        pytest.param([Rule(Duplicated(), nth=1)], "aabc", id="doubled"),
        pytest.param([Rule(Duplicated(3), nth=3)], "abccc", id="threefold"),
        pytest.param([Rule(Late(0), nth=1)], "abc", id="not late at all"),
        pytest.param([Rule(Late(60), nth=1)], "bc a", id="late"),
        pytest.param([Rule(Late(30), nth=1), Rule(Late(30), nth=1)], "bc a", id="twice late"),
        pytest.param([Rule(Late(60), nth=1), Rule(Duplicated(), nth=1)], "bc aa", id="late and doubled"),
        pytest.param([Rule(Reordered(), nth=1)], "bac", id="after the next"),
        pytest.param([Rule(Reordered(), nth=[1, 2])], "cab", id="two after the next"),
        pytest.param([Rule(Reordered(), nth=3)], "ab c", id="no next within a minute"),
        pytest.param([Rule(Lost(), nth=1), Rule(Duplicated(), nth=1)], "bc", id="the first decides"),
        pytest.param([Rule(Lost())], "", id="all lost"),
    ],
)
def test_what_may_go_wrong(rules: list[Rule], order: str) -> None:
    """A rule counts notifications as it counts calls; after the space a minute has passed."""
    fake = connected(*"abc")
    fake.faults.add(*rules)
    for customer in "abc":
        fake.disconnect(customer, SELLER)
    at_once, _, later = order.partition(" ")
    assert told(fake.take_notifications()) == list(at_once)
    fake.advance(59.9)
    assert told(fake.take_notifications()) == []
    fake.advance(0.1)
    assert told(fake.take_notifications()) == list(later)


@pytest.mark.parametrize("key", ["agreed", "wrong-key"])
@pytest.mark.parametrize("absent", [True, False])
def test_it_may_carry_a_wrong_key(absent: bool, key: str) -> None:
    """Or none, as when somebody else knocks: the route has to refuse it."""
    fake = connected(notification_key=key)
    fake.faults.add(Rule(WrongKey(absent=absent)))
    fake.disconnect("rosie", SELLER)
    [call] = fake.take_notifications()
    assert ("X-Api-Key" not in call.headers) == absent
    assert call.headers.get("X-Api-Key") != key


def test_the_same_seed_loses_the_same() -> None:
    """A rule with a probability goes the same way every time."""
    runs = []
    for _ in range(2):
        fake = connected(*map(str, range(200)))
        fake.faults.add(Rule(Lost(), probability=0.3))
        for n in range(200):
            fake.disconnect(str(n), SELLER)
        runs.append(told(fake.take_notifications()))
    assert runs[0] == runs[1]
    assert 100 < len(runs[0]) < 180


async def test_what_is_drawn_for_notifications_changes_no_request() -> None:
    """They have dice of their own: requests fail as if nothing had been told."""
    runs = []
    for count in (0, 7):
        fake = connected(*map(str, range(7)))
        fake.faults.add(Rule(Lost(), probability=0.5), Rule(Status(500), probability=0.5))
        for n in range(count):
            fake.disconnect(str(n), SELLER)
        runs.append([(await ask(fake)).status for _ in range(50)])
    assert runs[0] == runs[1]


def test_a_rule_about_notifications_counts_no_request() -> None:
    """And the other way round: one script holds both."""
    fake = connected("a", "b")
    fake.faults.load({"rules": [{"nth": 2, "effect": {"lost": {}}}, {"effect": {"late": {"seconds": 5}}}]})
    script = fake.faults.script()
    assert [list(rule["effect"]) for rule in script["rules"]] == [["lost"], ["late"]]
    with pytest.raises(ValueError, match="endpoint must be left out"):
        Rule(Lost(), endpoint="get_seller_accounts")
    fake.faults.load(script)
    fake.disconnect("a", SELLER)
    fake.advance(5)
    assert told(fake.take_notifications()) == ["a"]


def test_reset_forgets_what_was_to_be_told() -> None:
    """Late ones too."""
    fake = connected("a", "b", "c")
    fake.faults.add(Rule(Late(9), nth=1), Rule(Reordered(), nth=2))
    for customer in "abc"[:2]:
        fake.disconnect(customer, SELLER)
    fake.reset()
    fake.advance(100)
    assert fake.take_notifications() == ()


def test_nothing_shows_a_key_or_a_customer() -> None:
    """Neither the repr of a call nor that of where to post it."""
    fake = connected("secret-customer", notification_key="secret-key")
    fake.disconnect("secret-customer", SELLER)
    shown = f"{fake.take_notifications()} {Notify('https://broker.example/secret', 'secret-key')} {fake!r}"
    assert "secret" not in shown


def test_who_never_takes_keeps_no_more_than_the_last() -> None:
    """10,000 of them: an emulator that runs for weeks does not grow."""
    fake = connected()
    for n in range(10_050):
        fake.change_account("rosie", SELLER, access_pass=f"0{n}")
    assert len(fake.take_notifications()) == 10_000


@pytest.mark.parametrize(
    ("url", "key", "timeout"),
    [
        ("ftp://broker.example/", "key", 1),
        ("/hook", "key", 1),
        ("https://", "key", 1),
        ("https://[", "key", 1),
        ("https://broker.example:99999/", "key", 1),
        ("https://broker.example/\r\nX: y", "key", 1),
        (None, "key", 1),
        ("https://broker.example/", "", 1),
        ("https://broker.example/", "a\r\nb", 1),
        ("https://broker.example/", "schlüssel", 1),
        ("https://broker.example/", None, 1),
        ("https://broker.example/", "key", 0),
    ],
)
def test_where_to_is_checked_at_once(url: Any, key: Any, timeout: float) -> None:
    """A ValueError that repeats none of it."""
    with pytest.raises(ValueError, match="must be") as raised:
        Notify(url, key, timeout=timeout)
    assert "broker" not in str(raised.value)


@pytest.mark.parametrize(("url", "timeout"), [("/hook", 1), ("https://broker.example/", 0), (None, 1)])
def test_a_key_that_was_agreed_is_in_no_frame(url: Any, timeout: float) -> None:
    """Where something else is wrong."""
    with pytest.raises(ValueError, match="must be") as raised:
        Notify(url, "canary", timeout=timeout)
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(raised.value.__traceback__)]
    assert "canary" not in repr(frames[1:])
    assert raised.value.__context__ is None
