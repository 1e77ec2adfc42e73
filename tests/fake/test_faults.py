"""Faults: each effect does what it says, the same in memory and over HTTP, when its rule says."""

import asyncio
import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from imin_accounts import DecodeError, SellerAccounts, TransportError, from_jsonld
from imin_accounts.fake import (
    Drift,
    Drifted,
    Drop,
    ErrorBody,
    FakeImin,
    Flaw,
    Latency,
    Malformed,
    OtherCustomer,
    RateLimit,
    Rule,
    Stall,
    Status,
    add_people,
    add_rosie,
)
from imin_accounts.fake._faults import Fate
from imin_accounts.models import ConnectedAccount, UnrecognisedAccount
from imin_accounts.transports import Request
from tests.fake.conftest import Emulator
from tests.fake.requests import BACK, SELLER, ask, request, state, target, with_rosie

GET, DELETE = "get_seller_accounts", "delete_seller_account"


@pytest.mark.parametrize("status", [400, 403, 404, 408, 409, 429, 500, 503, 302, 418, 599])
async def test_status(emulator: Emulator, status: int) -> None:
    """Any status may be answered, in place of the service."""
    emulator.fake.connect("rosie", SELLER)
    emulator.fake.faults.add(Rule(Status(status), nth=1))
    assert (await emulator.ask("DELETE", seller=SELLER)).status == status
    assert await state(emulator.fake) == "connected"


@pytest.mark.parametrize(
    ("body", "media", "members"),
    [
        (
            ErrorBody.OPENACTIVE,
            "application/vnd.openactive.booking+json; version=1",
            "@type name description",
        ),
        (ErrorBody.NESTED, "application/json", "error"),
        (ErrorBody.BARE, "application/json", "error"),
        (ErrorBody.MESSAGE, "application/json", "message"),
        (ErrorBody.PROBLEM, "application/problem+json", "type title status detail"),
        (ErrorBody.HTML, "text/html; charset=utf-8", None),
        (ErrorBody.EMPTY, None, None),
    ],
)
async def test_error_bodies(body: ErrorBody, media: str | None, members: str | None) -> None:
    """Each shape has its media type and its members."""
    fake = with_rosie()
    fake.faults.add(Rule(Status(503, body=body)))
    response = await ask(fake)
    assert response.headers.get("content-type") == media
    if members:
        assert set(members.split()) <= json.loads(response.body).keys()
    else:
        assert (b"<h1>" in response.body) == (media is not None)


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("body", list(ErrorBody))
async def test_a_status_without_a_body_has_none(status: int, body: ErrorBody) -> None:
    """Whatever shape was asked for: HTTP allows none there."""
    fake = with_rosie()
    fake.faults.add(Rule(Status(status, body=body)))
    response = await ask(fake)
    assert (response.status, response.body, "content-type" in response.headers) == (status, b"", False)


DATE = "Sun, 01 Mar 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (7, "7"),
        (0.5, "0.5"),
        (1_234_567, "1234567"),
        (1e9, "1000000000"),
        (DATE, DATE),
        ("caf\xe9", "caf\xe9"),
    ],
)
async def test_retry_after(emulator: Emulator, given: float | str, sent: str) -> None:
    """Seconds or a date, as given."""
    emulator.fake.faults.add(Rule(Status(503, retry_after=given)))
    assert (await emulator.ask()).headers["retry-after"] == sent


@pytest.mark.parametrize("processed", [False, True])
async def test_a_drop_before_or_after_processing(emulator: Emulator, processed: bool) -> None:
    """No reply comes either way; what was asked is done only where the rule says so."""
    emulator.fake.connect("rosie", SELLER)
    emulator.fake.faults.add(Rule(Drop(processed=processed), endpoint="delete_seller_account"))
    with pytest.raises(TransportError) as lost:
        await emulator.ask("DELETE", seller=SELLER)
    assert (lost.value.reason, lost.value.maybe_sent) == ("dropped", True)
    assert await state(emulator.fake) == ("unconnected" if processed else "connected")


async def test_a_status_after_processing(emulator: Emulator) -> None:
    """The answer is an error although what was asked is done."""
    emulator.fake.connect("rosie", SELLER)
    emulator.fake.faults.add(Rule(Status(500, processed=True), nth=1))
    assert (await emulator.ask("DELETE", seller=SELLER)).status == 500
    assert await state(emulator.fake) == "unconnected"


class NotifyingImin(FakeImin):
    """An emulator that sets ``arrived`` when a request has come."""

    def exchange(self, request: Request) -> Fate:
        fate = super().exchange(request)
        self.arrived.set()
        return fate

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Event()


@pytest.mark.parametrize("processed", [False, True])
async def test_a_stall_over_http_never_answers(processed: bool) -> None:
    """Nothing comes until the server ends, which it does all the same; the record has no status."""
    fake = NotifyingImin()
    with_rosie(fake).connect("rosie", SELLER)
    fake.faults.add(Rule(Stall(processed=processed), nth=1))
    async with fake.serve() as base:
        reader, writer = await asyncio.open_connection(*base.removeprefix("http://").split(":"))
        target = request("DELETE", base=base, seller=SELLER).url.removeprefix(base)
        writer.write(f"DELETE {target} HTTP/1.1\r\nHost: x\r\nX-Api-Key: test-key\r\n\r\n".encode())
        await fake.arrived.wait()
        assert fake.requests[0].status is None
    assert await reader.read() == b""
    writer.close()
    assert await state(fake) == ("unconnected" if processed else "connected")


async def test_a_stall_in_memory_is_a_timeout() -> None:
    """It lasts as long as the attempt may, by the injected sleep."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    fake = with_rosie(FakeImin(sleep=sleep))
    fake.faults.add(Rule(Stall()))
    with pytest.raises(TransportError) as lost:
        await fake.send(request(), timeout=12.5)
    assert (lost.value.reason, lost.value.maybe_sent, waits) == ("timeout", True, [12.5])


async def test_latencies_add_up_before_another_effect(emulator: Emulator) -> None:
    """Every latency that is due is waited for, then the first other effect decides."""
    emulator.fake.faults.add(Rule(Latency(1)), Rule(Status(503)), Rule(Latency(0.25)), Rule(Status(500)))
    assert (await emulator.ask()).status == 503
    assert sum(emulator.waits) == 1.25


async def test_a_late_reply_is_given_up_but_was_processed() -> None:
    """In memory an attempt's time runs out as on the wire, and what was asked is done nevertheless."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    fake = with_rosie(FakeImin(sleep=sleep))
    fake.connect("rosie", SELLER)
    fake.faults.add(Rule(Latency(5)))
    with pytest.raises(TransportError, match="timeout"):
        await fake.send(request("DELETE", seller=SELLER), timeout=5)
    fake.faults.clear()
    assert (await state(fake), waits) == ("unconnected", [5])


async def test_another_customers_reply(emulator: Emulator) -> None:
    """Their ``@id``, their data: known or not, and whatever was asked."""
    emulator.fake.add_customer("tom", email="tom@example.com")
    emulator.fake.connect("tom", SELLER)
    emulator.fake.faults.add(Rule(OtherCustomer("tom"), nth=1), Rule(OtherCustomer(), nth=2))
    toms, nobodys = [json.loads((await emulator.ask()).body) for _ in range(2)]
    assert toms["@id"].endswith("/customers/tom/accounts")
    assert toms["imin:item"][0]["customer"]["email"] == "tom@example.com"
    assert nobodys["@id"].endswith("/customers/somebody-else/accounts")


@pytest.mark.parametrize("flaw", list(Flaw))
async def test_a_malformed_reply_can_not_be_read(emulator: Emulator, flaw: Flaw) -> None:
    """Each flaw is one that the package refuses as a whole, once; the next reply is well again."""
    emulator.fake.faults.add(Rule(Malformed(flaw), nth=1))
    response = await emulator.ask()
    assert response.status == 200
    with pytest.raises(DecodeError):
        from_jsonld(response.body)
    assert len(from_jsonld((await emulator.ask()).body)) == 2


async def drifted(drift: Drift) -> SellerAccounts:
    """Rosie's accounts after a drift."""
    fake = FakeImin(seed=1)
    add_rosie(fake)
    fake.faults.add(Rule(Drifted(drift)))
    return from_jsonld((await ask(fake, redirectUri=BACK)).body)


@pytest.mark.parametrize(
    ("drift", "noticed"),
    [
        (Drift.SIBLING_SPELLINGS, False),
        (Drift.NULLS, False),
        (Drift.UNKNOWN_MEMBERS, True),
        (Drift.NO_ID, True),
    ],
)
async def test_a_drifted_reply_is_still_read(drift: Drift, noticed: bool) -> None:
    """These lose nothing that a field stands for: three accounts in their states, without a problem."""
    accounts = await drifted(drift)
    (account,) = accounts.connected
    assert (len(accounts), len(accounts.unrecognised)) == (3, 0)
    assert isinstance(account, ConnectedAccount)
    assert account.evidence_requests[0].expires is not None
    assert account.access_pass is not None
    assert (accounts.drift() != {}) is noticed


async def test_sibling_spellings_are_those_of_the_sister_api() -> None:
    """A logo is its address alone, and an array of one is that one."""
    fake = FakeImin(seed=1)
    fake.add_seller(SELLER, name="Acme", logo="https://acme.example/logo.png")
    fake.add_customer("rosie", email="rosie@example.com")
    fake.connect("rosie", SELLER, entitlements=[{"@type": "Entitlement", "@id": "urn:1"}])
    fake.faults.add(Rule(Drifted(Drift.SIBLING_SPELLINGS)))
    [item] = json.loads((await ask(fake)).body)["imin:item"]
    assert item["seller"]["logo"] == "https://acme.example/logo.png"
    assert item["entitlement"] == {"type": "Entitlement", "id": "urn:1"}


async def test_bad_values_come_to_every_item() -> None:
    """However many there are."""
    fake = FakeImin(seed=1)
    add_people(fake, sellers=7, customers=1)
    fake.faults.add(Rule(Drifted(Drift.BAD_VALUES)))
    accounts = from_jsonld((await ask(fake, customer=next(iter(fake.population.people)))).body)
    assert len(accounts) == 7
    assert all(each.problems for each in accounts)


async def test_bad_values_cost_only_their_own_items() -> None:
    """A bad date is a problem of its account; a seller that is a number makes that account unreadable."""
    first, _, last = await drifted(Drift.BAD_VALUES)
    assert isinstance(first, ConnectedAccount)
    assert first.problems
    assert isinstance(last, UnrecognisedAccount)


@pytest.mark.parametrize("effect", [Malformed(), Drifted(Drift.NO_ID)])
async def test_what_is_not_a_collection_is_not_rewritten(effect: Malformed | Drifted) -> None:
    """A 404 or a 204 passes through effects that are about documents."""
    fake = with_rosie()
    fake.faults.add(Rule(effect))
    assert json.loads((await ask(fake, customer="nobody")).body)["@type"] == "NotFoundError"


@pytest.mark.parametrize(
    ("rule", "failing"),
    [
        pytest.param({}, "rosie GET 1, tom GET 1, rosie DELETE 1, rosie GET 2, rosie GET 3", id="any"),
        pytest.param({"endpoint": GET}, "rosie GET 1, tom GET 1, rosie GET 2, rosie GET 3", id="endpoint"),
        pytest.param({"customer": "tom"}, "tom GET 1", id="customer"),
        pytest.param({"endpoint": DELETE, "customer": "tom"}, "", id="endpoint and customer"),
        pytest.param({"nth": 2}, "tom GET 1", id="nth of all"),
        pytest.param({"nth": 2, "customer": "rosie"}, "rosie DELETE 1", id="nth of a customer"),
        pytest.param({"nth": (1, 3), "endpoint": GET}, "rosie GET 1, rosie GET 2", id="several"),
        pytest.param({"probability": 0}, "", id="never"),
    ],
)
async def test_when_a_rule_applies(rule: Any, failing: str) -> None:
    """A rule counts the calls that it matches, from 1, and applies to those it names."""
    fake, seen, failed = with_rosie(), Counter[str](), []
    fake.add_customer("tom")
    fake.faults.add(Rule(Status(500), **rule))
    for customer, method in [("rosie", "GET"), ("tom", "GET"), ("rosie", "DELETE"), *[("rosie", "GET")] * 2]:
        seen[call := f"{customer} {method}"] += 1
        if (await ask(fake, method, customer, seller=SELLER)).status == 500:
            failed.append(f"{call} {seen[call]}")
    assert ", ".join(failed) == failing


async def test_a_rule_may_be_about_the_connect_page() -> None:
    """A browser on its way to the seller meets faults too, and the link is not used up."""
    fake = with_rosie()
    link = Request(method="GET", url=await target(fake), headers={})
    fake.faults.add(Rule(Status(503), endpoint="connect_account", nth=1))
    assert [(await fake.send(link, timeout=1)).status for _ in range(2)] == [503, 302]


async def test_chance_comes_from_the_seed() -> None:
    """A probability picks the same calls again from the same seed, and about as many as it says."""

    async def statuses(seed: int) -> list[int]:
        fake = with_rosie(FakeImin(seed=seed))
        fake.faults.add(Rule(Status(500), probability=0.25))
        return [(await ask(fake)).status for _ in range(200)]

    first = await statuses(1)
    assert first == await statuses(1) != await statuses(2)
    assert 25 < first.count(500) < 75


async def test_a_script_does_not_change_the_links() -> None:
    """Chance for faults is drawn apart from what replies contain."""
    plain, scripted = with_rosie(), with_rosie()
    scripted.faults.add(Rule(Latency(0), probability=0.5))
    assert (await ask(plain, redirectUri=BACK)).body == (await ask(scripted, redirectUri=BACK)).body


async def test_rate_limit(emulator: Emulator) -> None:
    """So many in any second of the service's clock; the rest get 429 with Retry-After, and don't count."""
    emulator.fake.faults.rate_limit = RateLimit(2, retry_after=3)
    statuses = []
    for seconds in (0, 0.5, 0, 0.5, 0, 0.5):
        emulator.fake.advance(seconds)
        response = await emulator.ask()
        statuses.append(response.status)
    assert statuses == [200, 200, 429, 200, 429, 200]
    emulator.fake.faults.rate_limit = RateLimit(1)
    limited = await emulator.ask()
    assert (limited.status, limited.headers["retry-after"]) == (429, "1")


async def test_a_rule_counts_what_the_rate_limit_refused() -> None:
    """The second call is the second one however it was answered: no later call takes its place."""
    fake = with_rosie()
    fake.faults.rate_limit = RateLimit(1)
    fake.faults.add(Rule(Status(500), nth=(2, 4)))
    statuses = []
    for seconds in (0, 0, 1, 1):
        fake.advance(seconds)
        statuses.append((await ask(fake)).status)
    assert statuses == [200, 429, 200, 500]


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        pytest.param(Status, [199], {}, id="status too low"),
        pytest.param(Status, [600], {}, id="status too high"),
        pytest.param(Status, [True], {}, id="status not a number"),
        pytest.param(Status, [500], {"body": "poem"}, id="unknown body"),
        pytest.param(Status, [500], {"retry_after": -1}, id="negative wait"),
        pytest.param(Status, [500], {"processed": 1}, id="not true or false"),
        pytest.param(Latency, [float("inf")], {}, id="endless latency"),
        pytest.param(Latency, [float("nan")], {}, id="latency not a number"),
        pytest.param(Latency, [True], {}, id="true is no latency"),
        pytest.param(OtherCustomer, [7], {}, id="customer not text"),
        pytest.param(Malformed, ["odd"], {}, id="unknown flaw"),
        pytest.param(Drifted, ["odd"], {}, id="unknown drift"),
        pytest.param(Rule, ["drop"], {}, id="no effect"),
        pytest.param(Rule, [Drop()], {"endpoint": "get"}, id="unknown endpoint"),
        pytest.param(Rule, [Drop()], {"customer": 7}, id="rule's customer not text"),
        pytest.param(Rule, [Drop()], {"nth": 0}, id="nth from 0"),
        pytest.param(Rule, [Drop()], {"nth": (1, 2.5)}, id="nth not whole"),
        pytest.param(Rule, [Drop()], {"probability": 1.5}, id="more than certain"),
        pytest.param(RateLimit, [0], {}, id="no requests at all"),
        pytest.param(RateLimit, [True], {}, id="true is no limit"),
        pytest.param(RateLimit, [1], {"retry_after": -1}, id="negative wait of a limit"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(kind: Any, values: list[Any], named: dict[str, Any]) -> None:
    """When it is made, not when it would apply."""
    with pytest.raises(ValueError):
        kind(*values, **named)


async def test_a_rule_shows_no_customer() -> None:
    """A repr may end in a log."""
    rule = Rule(OtherCustomer("zed"), customer="rosie")
    assert not any(name in repr(rule) for name in ("zed", "rosie"))
    fake = with_rosie()
    fake.faults.add(rule)
    assert "rosie" not in repr(fake) + repr(fake.faults)


@pytest.mark.parametrize("nth", [1.0, float("nan"), float("inf"), 1j, Decimal(1), object()], ids=repr)
def test_a_rule_counts_in_whole_numbers(nth: Any) -> None:
    """Any other number is refused as what it is, not by whatever it broke."""
    with pytest.raises(ValueError, match="nth"):
        Rule(Drop(), nth=nth)


@pytest.mark.parametrize("seconds", [10**400, -(10**400), 1e308, 1e12, float("nan"), float("inf")], ids=repr)
def test_time_does_not_pass_beyond_the_calendar(seconds: float) -> None:
    """A service that was advanced too far could answer nobody: it stays where it was."""
    fake = FakeImin()
    with pytest.raises(ValueError):
        fake.advance(seconds)
    assert fake.now().year < 9999


@pytest.mark.parametrize(
    "port", [-1, 65_536, 10**400, 80.0, True, "80", None], ids=lambda port: repr(port)[:9]
)
def test_a_port_is_one(port: Any) -> None:
    """Refused when it is named, not when it is listened on."""
    with pytest.raises(ValueError, match="port"):
        FakeImin().serve(port=port)
