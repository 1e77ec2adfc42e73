"""The seller's pages: what they need, hold and go by."""

import base64
import hashlib
import re
import subprocess
import sys

import pytest

from imin_accounts.fake._pages import declined, ending, form
from imin_accounts.transports import Response


def log_in(seller: str = "Pool", email: str = "rosie@example.com") -> Response:
    """The page on which Rosie logs in."""
    return form("RegisterAction", seller=seller, broker="broker.example", email=email, post_to="/seller/1")


@pytest.mark.parametrize(
    "page", [log_in(), ending("expired"), declined()], ids=["form", "ending", "declined"]
)
def test_its_own_style_is_all_that_a_page_may_use(page: Response) -> None:
    """The policy names the hash of the one style sheet, which is part of the page; no script, no cookie."""
    style = re.search("<style>(.*?)</style>", page.body.decode(), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = page.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", f"style-src 'sha256-{digest}'"} < set(policy)
    assert "set-cookie" not in page.headers


def test_the_password_is_not_looked_up() -> None:
    """What is filled in is what everybody here has unless told otherwise."""
    assert 'type="password" value="password"' in log_in().body.decode()


WITHOUT = """
import sys
sys.modules["jinja2"] = None
import asyncio
from imin_accounts.fake import FakeImin
from imin_accounts.transports import Request

async def main():
    request = Request(method="GET", url="https://book.imin.co/auth/connect-account?jwt=guess", headers={})
    reply = await FakeImin().send(request, timeout=1)
    print(reply.status, reply.headers["content-type"], reply.body.decode(), end="")

asyncio.run(main())
from imin_accounts.fake._pages import declined
print(declined().status)
"""


def test_without_jinja2_a_page_says_what_to_install() -> None:
    """One line of plain text; the status is an error's in any case."""
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    line, status = ran.stdout.splitlines()
    assert line.startswith("404 text/plain; charset=utf-8 ")
    assert line.endswith("python -m pip install 'imin-accounts[emulator]'")
    assert status == "501"
