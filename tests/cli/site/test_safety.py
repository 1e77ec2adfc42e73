"""Who may do what: forms, tokens, cookie, headers."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from imin_accounts.cli._site.tokens import Tokens
from tests.browser.broker import ACME, BROOK, Broker
from tests.cli.site.forms import csrf_token, press


@pytest.mark.parametrize("button", ["connect", "disconnect"])
async def test_a_form_of_another_browser(browser: httpx.AsyncClient, broker: Broker, button: str) -> None:
    """Neither without a token nor with somebody else's does a form do anything."""
    async with httpx.AsyncClient(base_url=broker.site) as somebody:
        others = await csrf_token(somebody)
    await browser.get("/")
    asked = len(broker.fake.requests)
    for token in ({}, {"csrf": ""}, {"csrf": others}):
        assert (await browser.post(f"/{button}", data={"seller": ACME, **token})).status_code == 403
    assert len(broker.fake.requests) == asked


async def test_one_kind_of_token_is_no_other(browser: httpx.AsyncClient) -> None:
    """The token of the way back, which travels through the seller's hands, is good for no form."""
    link = (await press(browser, "connect", BROOK)).headers["Location"]
    page = (await browser.get(link)).headers["Location"]
    assert "token" not in page
    way_back = urlsplit((await browser.post(page, data={"decision": "decline"})).headers["Location"])
    token = parse_qs(way_back.query)["token"][0]
    reply = await browser.post("/disconnect", data={"seller": ACME, "csrf": token})
    assert reply.status_code == 403


@pytest.mark.parametrize(
    ("secret", "purpose", "browser", "max_age"),
    [
        pytest.param(b"other", "form", "mine", 60, id="another secret"),
        pytest.param(b"secret", "return", "mine", 60, id="another purpose"),
        pytest.param(b"secret", "form", "yours", 60, id="another browser"),
        pytest.param(b"secret", "form", "mine", -1, id="too old"),
    ],
)
def test_a_token_is_good_for_one_use_in_one_browser(
    secret: bytes, purpose: str, browser: str, max_age: int
) -> None:
    """Change anything about it, and it can't be read."""
    token = Tokens(b"secret").give("form", "mine", "a", "ü")
    assert Tokens(b"secret").read("form", "mine", token, max_age=60) == ["a", "ü"]
    assert Tokens(secret).read(purpose, browser, token, max_age=max_age) is None


async def test_the_cookie(browser: httpx.AsyncClient) -> None:
    """Out of scripts' reach, sent along from other sites with links alone, and the same ever after."""
    first = await browser.get("/")
    assert {"HttpOnly", "SameSite=Lax"} < set(first.headers["Set-Cookie"].split("; "))
    assert (await browser.get("/")).cookies["browser"] == first.cookies["browser"]


@pytest.mark.parametrize("path", ["/", "/return", "/nowhere", "/static/site.css"])
async def test_headers(browser: httpx.AsyncClient, path: str) -> None:
    """Every reply forbids scripts, frames and guesses, and neither stays in a cache nor tells where from."""
    headers = (await browser.get(path)).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
