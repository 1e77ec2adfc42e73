"""What a page shows of an account."""

import re
from datetime import timedelta

import httpx
import pytest

from imin_accounts import AccountsSession
from imin_accounts.models import (
    AccessPass,
    ActionStatus,
    Entitlement,
    EntitlementUpdateError,
    EvidenceRequest,
)
from tests.browser.broker import ACME, API_KEY, BROOK, CASTLE, NOW, Broker


async def test_nothing_that_a_seller_sends_is_markup(browser: httpx.AsyncClient, broker: Broker) -> None:
    """Names are text, and only web addresses become links or pictures."""
    evil = '"><script>alert(1)</script>'
    broker.fake.add_seller(BROOK, name=evil, url="javascript:alert(1)", logo="data:image/png;base64,AAAA")
    broker.fake.add_seller(CASTLE, url="https://castle.example/", logo="http://castle.example/logo.png")
    broker.fake.add_seller("urn:odd", url="http://[odd", logo="https:")
    broker.fake.connect("rosie", BROOK, update_errors=[EntitlementUpdateError(name=evil, description=evil)])
    page = (await browser.get("/")).text
    assert "<script" not in page
    assert not re.search('(href|src)="(?!https?:|/)', page)
    assert 'href="https://castle.example/"' in page
    assert 'src="http://castle.example/logo.png"' in page


async def test_rosie_of_today_holds_nothing_that_has_ended(broker: Broker) -> None:
    """Whoever opens the demonstration, on whatever day, is not asked for proof of what is over."""
    async with AccountsSession(API_KEY, transport=broker.fake) as session:
        accounts = await session.get_seller_accounts("rosie")
    held = [
        entitlement
        for account in accounts.connected
        for entitlement in (*account.entitlements, *account.evidence_requests)
    ]
    assert {each.expires is not None and each.expires > NOW for each in held} == {True}
    assert len(held) >= 3


@pytest.mark.parametrize(
    ("days", "text"),
    [
        pytest.param(-1.0, "ended on 1 March 2026", id="over"),
        pytest.param(0.0, "less than a day left", id="now"),
        pytest.param(0.9, "less than a day left", id="today"),
        pytest.param(1.0, "1 day left", id="a day"),
        pytest.param(2.5, "2 days left", id="days"),
        pytest.param(None, "no end given", id="endless"),
    ],
)
async def test_days_left(browser: httpx.AsyncClient, broker: Broker, days: float | None, text: str) -> None:
    """Of a discount, in whole days that are certain."""
    broker.fake.advance(-3 * 86400)  # the emulator no longer lists what has ended by its own clock
    ends = None if days is None else NOW + timedelta(days=days)
    broker.fake.connect("rosie", BROOK, entitlements=[Entitlement(expires=ends)])
    broker.fake.disconnect("rosie", ACME)
    page = (await browser.get("/")).text
    assert re.search(f'a discount without a name</span>\\s*<span class="soft">{text}<', page)


FORM = "https://proof.example/1"
LATER, EARLIER = NOW + timedelta(days=1), NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("proof", "text"),
    [
        pytest.param(EvidenceRequest(url=FORM), "Send your proof", id="asked for"),
        pytest.param(EvidenceRequest(url=FORM, expiry=LATER), "Send your proof", id="asked for in time"),
        pytest.param(EvidenceRequest(url=FORM, expiry=EARLIER), "the form has ended", id="too late"),
        pytest.param(EvidenceRequest(url="javascript:1"), "wanted: ask Brook", id="no usable form"),
        pytest.param(
            EvidenceRequest(url=FORM, action_status=ActionStatus.ACTIVE), "being checked", id="sent"
        ),
        pytest.param(
            EvidenceRequest(url=FORM, action_status=ActionStatus.FAILED), "Send your proof", id="refused"
        ),
        pytest.param(
            EvidenceRequest(url=FORM, action_status=ActionStatus.COMPLETED), ">accepted<", id="done"
        ),
        pytest.param(None, "nothing asked for", id="none"),
    ],
)
async def test_proof(
    browser: httpx.AsyncClient, broker: Broker, proof: EvidenceRequest | None, text: str
) -> None:
    """The form is offered while sending something there may help."""
    broker.fake.disconnect("rosie", ACME)
    broker.fake.connect("rosie", BROOK, evidence=[Entitlement(evidence_request=proof)])
    page = (await browser.get("/")).text
    assert text in page
    assert (FORM in page) is (text == "Send your proof")


async def test_hidden_discounts(browser: httpx.AsyncClient, broker: Broker) -> None:
    """A seller that keeps some to itself is said to."""
    broker.fake.connect("rosie", BROOK, hidden_entitlements=True)
    assert "Brook Street Pool has discounts that are not shown here." in (await browser.get("/")).text


PICTURE = "https://pictures.example/pass.png"
PASSES = [
    pytest.param([AccessPass(type="Barcode", text="123")], ["123"], [], id="a text"),
    pytest.param(
        [AccessPass(type="Barcode", text="123", url=PICTURE)], ["123"], [PICTURE], id="a text and its picture"
    ),
    pytest.param([AccessPass(type="ImageObject", url=PICTURE)], [], [PICTURE], id="a picture"),
    pytest.param([AccessPass(text="1"), AccessPass(text="2", url=PICTURE)], ["1", "2"], [PICTURE], id="two"),
    pytest.param([AccessPass(text="1", url="javascript:alert(1)")], ["1"], [], id="no picture's address"),
    pytest.param([AccessPass(text="<b>&")], ["&lt;b&gt;&amp;"], [], id="no markup"),
    pytest.param([AccessPass(type="Barcode")], [], [], id="nothing in it"),
]


@pytest.mark.parametrize(("passes", "texts", "pictures"), PASSES)
async def test_every_access_pass(
    browser: httpx.AsyncClient,
    broker: Broker,
    passes: list[AccessPass],
    texts: list[str],
    pictures: list[str],
) -> None:
    """Each as text, and as its picture where there is one, with words for whoever can't see that."""
    broker.fake.disconnect("rosie", ACME)
    broker.fake.connect("rosie", BROOK, access_passes=passes)
    page = (await browser.get("/")).text
    assert re.findall('<span class="pass">([^<]*)</span>', page) == texts
    assert re.findall('<img src="([^"]*)" alt="[^"]', page) == pictures
    assert ("can't be shown: ask Brook" in page) is (not texts and not pictures)
