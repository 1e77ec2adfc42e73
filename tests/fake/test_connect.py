"""The connect flow in memory: links, what comes of them, and what does not."""

from collections.abc import Callable
from random import Random

import pytest

from imin_accounts.fake import ConnectRefused, FakeImin, Undocumented
from imin_accounts.fake._connect import ConnectFlow, Visit
from tests.fake.requests import BACK, SELLER, START, Clock, items, state, target, with_rosie

PASSWORD = "correct horse"


def with_member() -> FakeImin:
    """Rosie is a member of the seller's, with a password of her own."""
    fake = with_rosie()
    fake.add_member(SELLER, "rosie@example.com", password=PASSWORD)
    return fake


async def test_logging_in_connects() -> None:
    """RegisterAction: the account she has is connected, and she lands where the broker wanted."""
    fake = with_member()
    landed = fake.complete(await target(fake), password=PASSWORD)
    assert (landed, await state(fake)) == (BACK, "connected")
    item = (await items(fake))[0]
    assert item["customer"]["email"] == "rosie@example.com"
    assert len(item["accessPass"]["text"]) == 12


async def test_creating_an_account_connects() -> None:
    """CreateAction: there is a member afterwards, who remains when the account is disconnected."""
    fake = with_rosie()
    landed = fake.complete(await target(fake, "CreateAction"), password="new")
    assert (landed, await state(fake)) == (BACK, "connected")
    fake.disconnect("rosie", SELLER)
    fake.complete(await target(fake), password="new")
    assert await state(fake) == "connected"


async def test_an_account_under_another_email_can_be_connected() -> None:
    """What the seller knows her by is what the account then shows."""
    fake = with_rosie()
    fake.add_member(SELLER, "r@work.example")
    fake.complete(await target(fake), email="R@work.example")
    assert (await items(fake))[0]["customer"]["email"] == "R@work.example"


async def test_declining_changes_nothing() -> None:
    """She lands where the broker wanted, and is not connected."""
    fake = with_member()
    assert (fake.decline(await target(fake)), await state(fake)) == (BACK, "unconnected")


@pytest.mark.parametrize(
    ("action", "attempt", "reason"),
    [
        pytest.param("RegisterAction", {"password": "guess"}, "wrong password", id="wrong password"),
        pytest.param("RegisterAction", {"email": "x@y.example"}, "wrong password", id="no such member"),
        pytest.param("RegisterAction", {"email": ""}, "no email", id="no email"),
        pytest.param("CreateAction", {"password": PASSWORD}, "already a member", id="email taken"),
        pytest.param("CreateAction", {"email": "n@b.example", "password": ""}, "no password", id="empty"),
        pytest.param("CreateAction", {"email": ""}, "no email", id="no email for a new account"),
    ],
)
async def test_a_refusal_changes_nothing(action: str, attempt: dict[str, str], reason: str) -> None:
    """What was entered is refused with its reason, and the state stays."""
    fake = with_member()
    link = await target(fake, action)
    with pytest.raises(ConnectRefused) as refused:
        fake.complete(link, **attempt)
    assert (refused.value.reason, await state(fake)) == (reason, "unconnected")


@pytest.mark.parametrize(
    ("action", "attempt", "hint"),
    [
        pytest.param("RegisterAction", {"email": "x@y.example"}, r"no account .* add_member", id="no member"),
        pytest.param("RegisterAction", {"email": "x@y.example", "password": ""}, "create=True", id="blank"),
        pytest.param("CreateAction", {}, r"already a member.*connect_url", id="email taken"),
        pytest.param("RegisterAction", {"password": "guess"}, "wrong password$", id="wrong password"),
    ],
)
async def test_a_refusal_says_what_to_do(action: str, attempt: dict[str, str], hint: str) -> None:
    """A password is blamed only where there is one; and nobody's email is told."""
    fake = with_member()
    with pytest.raises(ConnectRefused, match=hint) as refused:
        fake.complete(await target(fake, action), **attempt)
    assert ("wrong password" in str(refused.value)) is (hint == "wrong password$")
    assert "@" not in str(refused.value)


@pytest.mark.parametrize("way", [FakeImin.complete, FakeImin.decline])
async def test_a_link_works_once(way: Callable[[FakeImin, str], object]) -> None:
    """Used, for either end, it is used up."""
    fake = with_rosie()
    link = await target(fake, "CreateAction")
    way(fake, link)
    for again in (fake.complete, fake.decline):
        with pytest.raises(ConnectRefused, match="used"):
            again(link)


@pytest.mark.parametrize(
    "link", ["https://book.imin.co/auth/connect-account?jwt=guess", "https://x.example/", ""]
)
async def test_a_forged_link_is_refused(link: str) -> None:
    """A token that was never given out opens nothing."""
    fake = with_member()
    with pytest.raises(ConnectRefused, match="forged"):
        fake.complete(link, password=PASSWORD)
    assert await state(fake) == "unconnected"


@pytest.mark.parametrize(("seconds", "works"), [(599, True), (600, False)])
async def test_a_link_expires(seconds: float, works: bool) -> None:
    """By the injected clock, ten minutes after it was given out."""
    clock = Clock()
    fake = with_rosie(FakeImin(clock=clock))
    link = await target(fake, "CreateAction")
    clock.move(seconds)
    if not works:
        with pytest.raises(ConnectRefused, match="expired"):
            fake.complete(link)
    else:
        fake.complete(link)
    assert await state(fake) == ("connected" if works else "no account")


async def test_every_link_is_its_own() -> None:
    """No two replies share a link, nor do the two actions, and none names anybody."""
    fake = with_rosie()
    links = [await target(fake, action) for action in ("RegisterAction", "CreateAction") * 2]
    assert len(set(links)) == 4
    assert not any("rosie" in link or "broker" in link for link in links)


@pytest.mark.parametrize(
    ("redirect_uri", "query", "landing"),
    [
        pytest.param(BACK, "", BACK, id="untouched"),
        pytest.param(BACK, "ok=1", BACK + "&ok=1", id="after its own query"),
        pytest.param(
            "https://b.example/x#top", "ok=1", "https://b.example/x?ok=1#top", id="before the fragment"
        ),
        pytest.param(
            "https://b.example/é x?q=%2B+&é", "", "https://b.example/%C3%A9%20x?q=%2B+&%C3%A9", id="unicode"
        ),
    ],
)
async def test_where_a_browser_lands(redirect_uri: str, query: str, landing: str) -> None:
    """At redirectUri with its own query as it was; what is appended is a switch."""
    fake = with_rosie()
    fake.undocumented = Undocumented(completed_query=query, declined_query=query)
    for end in (fake.decline, fake.complete):
        (item, _) = await items(fake, redirectUri=redirect_uri)
        assert end(item["potentialAction"][1]["target"]) == landing


async def test_declining_may_end_on_the_sellers_page() -> None:
    """Switched so, a browser is sent nowhere."""
    fake = with_rosie()
    fake.undocumented = Undocumented(decline_returns=False)
    assert fake.decline(await target(fake)) is None


def test_only_so_many_links_are_remembered() -> None:
    """After 100,000 the oldest is forgotten, so that an emulator may run for long."""
    flow = ConnectFlow(with_rosie(), Random(1))
    first, second, *_ = [flow.link("rosie", SELLER, "CreateAction", BACK) for _ in range(100_001)]
    with pytest.raises(ConnectRefused, match="forged"):
        flow.begin(first)
    flow.begin(second)


async def test_connecting_again_brings_back_what_was_there() -> None:
    """What a seller holds is its member's: passes and discounts are shared again, only the date is new."""
    clock = Clock()
    fake = with_rosie(FakeImin(clock=clock))
    discount = {"@type": "Entitlement", "@id": "urn:discount"}
    fake.connect("rosie", SELLER, access_pass="42", access_passes=[{"text": "43"}], entitlements=[discount])
    before = (await items(fake))[0]
    fake.disconnect("rosie", SELLER)
    clock.move(60)
    fake.complete(await target(fake))
    after = (await items(fake))[0]
    assert [each["text"] for each in after["accessPass"]] == ["42", "43"]
    assert after["entitlement"] == [discount]
    assert after["dateLinked"] > before["dateLinked"]


async def test_what_was_there_is_one_members_own() -> None:
    """Another member's connection, or a member's who was removed meanwhile, brings back nothing."""
    fake = with_rosie()
    fake.add_member(SELLER, "r@work.example")
    fake.connect("rosie", SELLER, access_pass="42")
    fake.disconnect("rosie", SELLER)
    fake.complete(await target(fake), email="r@work.example")
    assert (await items(fake))[0]["accessPass"]["text"] != "42"
    fake.disconnect("rosie", SELLER)
    fake.remove_member(SELLER, "rosie@example.com")
    fake.complete(await target(fake, "CreateAction"))
    assert (await items(fake))[0]["accessPass"]["text"] != "42"


async def test_what_was_there_outlives_a_restart() -> None:
    """A snapshot has it; one without that part can be read too."""
    fake = with_rosie()
    fake.connect("rosie", SELLER, access_pass="42")
    fake.disconnect("rosie", SELLER)
    saved = fake.snapshot()
    again = FakeImin()
    again.restore(saved)
    again.complete(await target(again))
    assert (await items(again))[0]["accessPass"]["text"] == "42"
    del saved["former"]
    again.restore(saved)
    assert again.population.former == {}


def test_a_visit_shows_nobody() -> None:
    """Nor where they go afterwards."""
    visit = Visit(
        customer="rosie",
        seller=SELLER,
        action="RegisterAction",
        redirect_uri=BACK,
        expires=START,
        entered="r@x.org",
    )
    assert not any(secret in repr(visit) for secret in ("rosie", BACK, "r@x.org"))
