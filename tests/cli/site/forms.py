"""The forms of the broker's site: sending them, and reading the page that comes back."""

import re
from html import unescape

import httpx


def page_text(reply: httpx.Response) -> str:
    """The page as a person reads it: with nothing escaped."""
    return unescape(reply.text)


async def csrf_token(browser: httpx.AsyncClient) -> str:
    """The token of the forms that this browser is shown."""
    token = re.search('name="csrf" value="([^"]+)"', (await browser.get("/")).text)
    assert token is not None
    return token[1]


async def press(browser: httpx.AsyncClient, button: str, seller: str, **more: str) -> httpx.Response:
    """Send the form of a button: ``connect`` or ``disconnect``."""
    return await browser.post(
        f"/{button}", data={"csrf": await csrf_token(browser), "seller": seller, **more}
    )
