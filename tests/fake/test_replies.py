"""Whom the emulator knows, and what it says of them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imin_accounts import from_jsonld
from imin_accounts.fake import FakeImin
from imin_accounts.models import ActionStatus, ConnectedAccount, Entitlement, EntitlementType
from tests.fake.requests import BACK, OTHER, SELLER, START, Clock, ask, items, state, with_rosie
from tests.paths import SAMPLES


def sample(name: str) -> dict[str, Any]:
    """A documented reply."""
    document: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return document


def as_documented(name: str) -> FakeImin:
    """An emulator that was told what the documented reply tells."""
    (item,) = sample("documented")["imin:item"]
    seller = item["seller"]
    fake = FakeImin()
    fake.add_seller(
        seller["@id"],
        name=seller["name"],
        url=seller["url"],
        logo=seller["logo"]["url"],
        email=seller["email"],
        telephone=seller["telephone"],
        same_as=seller["sameAs"],
    )
    fake.add_customer("1234", email="<email address>", entitlement_filter="<opaque token>")
    if name == "unconnected":
        fake.add_member(seller["@id"], "<email address>")
    if name == "connected":
        fake.connect(
            "1234",
            seller["@id"],
            date_linked=datetime(2021, 1, 27, 12, tzinfo=UTC),
            hidden_entitlements=True,
            access_pass="<barcode number>",
            update_errors=item["imin:entitlementUpdateErrors"],
            evidence=item["imin:evidenceRequests"],
        )
    return fake


def without_tokens(document: dict[str, Any]) -> dict[str, Any]:
    """``document`` with the documentation's placeholder in its connect links."""
    for item in document["imin:item"]:
        for action in item.get("potentialAction", []):
            action["target"] = action["target"].partition("jwt=")[0] + "jwt=<opaque token>"
    return document


@pytest.mark.parametrize("name", ["connected", "unconnected", "no_account"])
async def test_the_documented_reply_comes_out_member_for_member(name: str) -> None:
    """In each state the reply is the documented one: same members, same order, same values."""
    response = await ask(as_documented(name), customer="1234", redirectUri=BACK)
    found = without_tokens(json.loads(response.body))
    assert json.dumps(found) == json.dumps(sample(name))


async def test_models_come_out_as_they_went_in() -> None:
    """Entitlements given as models are sent as the documents that they were read from."""
    fake = as_documented("no_account")
    (account,) = from_jsonld(json.dumps(sample("connected"))).connected
    fake.connect(
        "1234", SELLER, evidence=account.evidence_requests, update_errors=account.entitlement_update_errors
    )
    (item,) = await items(fake, "1234")
    (documented,) = sample("connected")["imin:item"]
    assert item["imin:evidenceRequests"] == documented["imin:evidenceRequests"]
    assert item["imin:entitlementUpdateErrors"] == documented["imin:entitlementUpdateErrors"]


async def test_the_package_reads_a_full_account_without_a_problem() -> None:
    """A connected account with everything in it is understood member by member."""
    fake = with_rosie()
    student = Entitlement(
        id="https://id.example.com/entitlements/7",
        type="Entitlement",
        expires=START + timedelta(days=30),
        entitlement_type=EntitlementType(type="Concept", pref_label="Student"),
    )
    fake.connect("rosie", SELLER, entitlements=[student], access_pass="42")
    (account,) = from_jsonld((await ask(fake)).body).connected
    assert isinstance(account, ConnectedAccount)
    assert account.entitlements == (student,)
    assert account.problems == ()


async def test_what_is_null_or_an_empty_array_is_left_out() -> None:
    """As everywhere in the platform; what is false stays."""
    fake = FakeImin()
    fake.add_seller("urn:s")
    fake.connect("c", "urn:s", evidence=[{"@type": "Entitlement", "expires": None, "x": [], "y": False}])
    (item,) = await items(fake, "c")
    assert item["seller"] == {"@type": "Organization", "@id": "urn:s"}
    assert item["customer"].keys() == {"@type", "dateModified"}
    assert item["imin:evidenceRequests"] == [{"@type": "Entitlement", "y": False}]
    assert item.keys().isdisjoint({"accessPass", "entitlement", "imin:entitlementUpdateErrors"})


async def test_no_sellers_is_no_items() -> None:
    """Without sellers the collection has no ``imin:item`` at all."""
    fake = FakeImin()
    fake.add_customer("rosie")
    assert "imin:item" not in json.loads((await ask(fake)).body)


async def test_every_seller_is_listed_in_the_order_added() -> None:
    """Connected or not, and adding one again does not move it."""
    fake = with_rosie()
    fake.connect("rosie", OTHER)
    fake.add_seller(SELLER, name="Renamed")
    assert [item["seller"].get("name") for item in await items(fake)] == ["Renamed", "Brook Street Pool"]


async def test_links_come_only_with_a_redirect_uri() -> None:
    """Both actions where redirectUri was sent, none where it was not, none on a connected account."""
    fake = with_rosie()
    fake.connect("rosie", SELLER)
    connected, not_connected = await items(fake, redirectUri=BACK)
    assert [a["@type"] for a in not_connected["potentialAction"]] == ["RegisterAction", "CreateAction"]
    assert "potentialAction" not in connected
    assert all("potentialAction" not in item for item in await items(fake))


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param(lambda fake: None, "no account", id="nothing"),
        pytest.param(lambda fake: fake.add_member(SELLER, "ROSIE@example.com"), "unconnected", id="member"),
        pytest.param(
            lambda fake: (
                fake.add_customer("rosie", "Rosie@Example.com"),
                fake.add_member(SELLER, "rosie@example.com"),
            ),
            "unconnected",
            id="customer in another case",
        ),
        pytest.param(lambda fake: fake.add_member(OTHER, "rosie@example.com"), "no account", id="elsewhere"),
        pytest.param(lambda fake: fake.connect("rosie", SELLER), "connected", id="connected"),
        pytest.param(
            lambda fake: (fake.connect("rosie", SELLER), fake.disconnect("rosie", SELLER)),
            "unconnected",
            id="disconnected",
        ),
        pytest.param(
            lambda fake: (
                fake.connect("rosie", SELLER, email="r@work.example"),
                fake.disconnect("rosie", SELLER),
            ),
            "no account",
            id="disconnected under another email",
        ),
        pytest.param(
            lambda fake: (
                fake.connect("rosie", SELLER),
                fake.remove_member(SELLER, "rosie@example.com"),
                fake.disconnect("rosie", SELLER),
            ),
            "no account",
            id="disconnected and removed",
        ),
        pytest.param(
            lambda fake: (
                fake.add_member(SELLER, "new@example.com"),
                fake.add_customer("rosie", "new@example.com"),
            ),
            "unconnected",
            id="email changed",
        ),
    ],
)
async def test_state(prepare: Any, expected: str) -> None:
    """The state follows from connections and members alone."""
    fake = with_rosie()
    prepare(fake)
    assert await state(fake) == expected


async def test_an_entitlement_ends_when_it_expires() -> None:
    """It is listed until the service's clock reaches its expiry; one without or with an odd date stays."""
    fake, hour = with_rosie(), timedelta(hours=1)
    nodes = [
        {"@id": "a", "expires": (START + hour).isoformat()},
        {"@id": "b"},
        {"@id": "c", "expires": "later"},
    ]
    fake.connect("rosie", SELLER, entitlements=nodes)
    fake.advance(3599)
    assert [node["@id"] for node in (await items(fake))[0]["entitlement"]] == ["a", "b", "c"]
    fake.advance(1)
    assert [node["@id"] for node in (await items(fake))[0]["entitlement"]] == ["b", "c"]


async def test_dates_come_from_the_clock() -> None:
    """What happens now is dated by the injected clock, in UTC and whole seconds."""
    clock = Clock()
    fake = with_rosie(FakeImin(clock=clock))
    clock.move(90.5)
    fake.connect("rosie", SELLER)
    assert (await items(fake))[0]["dateLinked"] == "2026-03-01T12:01:30Z"


async def test_evidence_goes_through_its_life() -> None:
    """Requested, submitted, failed, submitted again, completed: each step shows."""
    fake = with_rosie()
    request = {"@id": "e", "evidenceRequest": {"@type": "EvidenceRequestAction"}}
    fake.connect("rosie", SELLER, evidence=[request])
    for status in (ActionStatus.ACTIVE, ActionStatus.FAILED, ActionStatus.ACTIVE, ActionStatus.COMPLETED):
        fake.advance(60)
        fake.set_evidence("rosie", SELLER, "e", status)
        (item, _) = await items(fake)
        assert item["imin:evidenceRequests"][0]["evidenceRequest"]["actionStatus"] == status
    assert item["customer"]["dateModified"] == "2026-03-01T12:00:00Z"  # they are the same


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ActionStatus.POTENTIAL, ActionStatus.COMPLETED),
        (ActionStatus.POTENTIAL, ActionStatus.FAILED),
        (ActionStatus.COMPLETED, ActionStatus.ACTIVE),
        (ActionStatus.ACTIVE, ActionStatus.POTENTIAL),
        (ActionStatus.ACTIVE, ActionStatus.ACTIVE),
    ],
)
def test_evidence_can_not_skip_a_step(before: ActionStatus, after: ActionStatus) -> None:
    """A step that the life of an evidence request does not have is refused."""
    fake = with_rosie()
    fake.connect("rosie", SELLER, evidence=[{"@id": "e", "evidenceRequest": {"actionStatus": before}}])
    with pytest.raises(ValueError, match="that step"):
        fake.set_evidence("rosie", SELLER, "e", after)


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(lambda fake: fake.add_member("urn:x", "a@b.example"), id="member of no seller"),
        pytest.param(lambda fake: fake.connect("rosie", "urn:x"), id="connection to no seller"),
        pytest.param(lambda fake: fake.remove_member(SELLER, "a@b.example"), id="no such member"),
        pytest.param(
            lambda fake: fake.connect("rosie", SELLER, date_linked=datetime(2026, 1, 1)), id="naive"
        ),
        pytest.param(
            lambda fake: fake.set_evidence("rosie", SELLER, "e", ActionStatus.ACTIVE), id="no evidence"
        ),
    ],
)
async def test_a_mistake_is_refused(mistake: Any) -> None:
    """What can't be is a ValueError, and changes nothing."""
    fake = with_rosie()
    with pytest.raises(ValueError, match=r"no such|aware"):
        mistake(fake)
    assert await state(fake) == "no account"


async def test_the_same_seed_gives_the_same_replies() -> None:
    """Links and filters repeat from a seed, also after a reset, and differ without one."""

    async def reply(fake: FakeImin) -> bytes:
        fake.add_customer("rosie")
        fake.add_seller(SELLER)
        return (await ask(fake, redirectUri=BACK)).body

    seeded = FakeImin(seed=7)
    first = await reply(seeded)
    seeded.reset()
    assert first == await reply(seeded) == await reply(FakeImin(seed=7)) != await reply(FakeImin(seed=8))
    assert await reply(FakeImin()) != await reply(FakeImin())


async def test_the_filter_must_be_percent_encoded() -> None:
    """A made-up entitlement filter is base64 with padding, as the documented sample token."""
    fake = FakeImin(seed=1)
    fake.add_customer("rosie")
    assert json.loads((await ask(fake)).body)["imin:entitlementFilter"].endswith("=")


async def test_what_replies_show_says_nothing_of_other_secrets() -> None:
    """From one seed, the filter, the links and the chance of faults are drawn apart."""
    fake = FakeImin(seed=1)
    fake.add_seller(SELLER)
    fake.add_customer("rosie")
    document = json.loads((await ask(fake, redirectUri=BACK)).body)
    links = [action["target"] for action in document["imin:item"][0]["potentialAction"]]
    url_safe = document["imin:entitlementFilter"].translate(str.maketrans("+/", "-_")).rstrip("=")
    assert not any(url_safe in link for link in links)
