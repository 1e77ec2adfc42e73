"""``imin-accounts demo``: the whole of it, over real HTTP, and the browser that it needs for that."""

import re

import pytest

from imin_accounts import AccountsSession, UnconnectedAccount
from imin_accounts.cli._site.scripted_browser import open_page, submit
from imin_accounts.fake import FakeImin, add_rosie
from tests.cli.commands import run

ACME, BROOK = (f"https://id.bookingsystem.example.com/organizers/{number}" for number in (1, 2))


def test_the_demo_lists_connects_and_disconnects() -> None:
    """Brook Street Pool is unconnected, then connected, then unconnected; the others stay as they are."""
    ran = run("demo")
    assert (ran.code, ran.err) == (0, "")
    states = [line.split()[-1] for line in ran.out.splitlines() if "Brook Street Pool  " in line]
    assert states == ["unconnected", "connected", "unconnected"]
    assert ran.out.count("Acme Leisure Centre") == ran.out.count("Castle Climbing") == 3
    assert "shows the seller's page: “" in ran.out
    assert "is sent back (303) to https://broker.example/connected" in ran.out


def test_the_demo_looks_after_a_town() -> None:
    """There is something of each kind to find."""
    told = run("demo").out.partition("6. ")[2]
    for what in ("accounts connected", "end within 30 days", "requests for proof", "in conflict"):
        assert int(re.findall(rf"([\d,]+) .*{what}", told)[0].replace(",", "")) > 20


def test_the_demo_shows_no_token() -> None:
    """A connect link is good for whoever holds it, so the demonstration does not print one."""
    assert "jwt" not in run("demo").out


def test_the_demo_needs_no_key() -> None:
    """A key in the environment, or a base URL, is neither needed nor used."""
    assert run("demo", env={"IMIN_API_KEY": "real", "IMIN_BASE_URL": "https://nowhere.invalid"}).code == 0


async def link(base_url: str) -> str:
    """A link to log in to Brook Street Pool."""
    async with AccountsSession("test-key", base_url=base_url) as session:
        accounts = await session.get_seller_accounts("rosie", redirect_uri="https://broker.example/back")
    account = accounts.for_seller(BROOK)
    assert isinstance(account, UnconnectedAccount)
    return str(account.register_url)


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        pytest.param({"password": "wrong", "decision": "consent"}, 403, id="wrong password"),
        pytest.param({"decision": "decline"}, 303, id="declined"),
    ],
)
async def test_only_consent_with_the_password_connects(
    typed: dict[str, str], status: int, fake_imin: FakeImin, imin_server: str
) -> None:
    """The browser sends what is typed over what the form holds, and the seller's page judges that."""
    add_rosie(fake_imin)
    page = open_page(await link(imin_server))
    assert page.location is not None
    page = open_page(page.location)
    assert (page.status, page.form.heading) == (200, "Log in to Brook Street Pool")
    assert page.form.values == {"email": "rosie@example.com", "password": "password"}
    assert submit(page, **typed).status == status
    assert not fake_imin.disconnect("rosie", BROOK), "it was connected"
