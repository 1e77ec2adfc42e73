"""Replies that the emulator sends as they are."""

import json
from typing import Any

import pytest

from imin_accounts import AccountsSession, ConnectedAccount, DecodeError, NotFound, UnconnectedAccount
from imin_accounts.cli._redaction.reply import redacted
from imin_accounts.fake import FakeImin
from tests.paths import SAMPLES

SELLER = "https://id.bookingsystem.example.com/organizers/1"
SAVED = (SAMPLES / "connected.json").read_bytes()


def session(fake: FakeImin) -> AccountsSession:
    """A session with the emulator."""
    return AccountsSession("test-key", transport=fake)


async def test_a_redacted_reply_is_read_from_the_emulator_as_from_its_file() -> None:
    """Whom it is about stands in it; every odd spelling, problem and unknown member comes through."""
    document = json.loads(SAVED) | {"imin:tier": {"level": 1}}
    document["imin:item"] += [{"@type": "Account", "seller": 7}]
    text = redacted(json.dumps(document).encode())
    fake = FakeImin()
    customer = fake.load(text)
    async with session(fake) as imin:
        accounts = await imin.get_seller_accounts(customer)
    assert customer != "1234"
    assert "unknown member $['imin:tier']" in accounts.drift()
    assert [bool(each.problems) for each in accounts] == [False, True]


async def test_its_seller_can_be_disconnected_once() -> None:
    """204, and the account is unconnected from then on; then 404, as for anybody else."""
    fake = FakeImin()
    fake.load(SAVED)
    async with session(fake) as imin:
        assert isinstance((await imin.get_seller_accounts("1234"))[0], ConnectedAccount)
        await imin.delete_seller_account("1234", SELLER)
        assert isinstance((await imin.get_seller_accounts("1234"))[0], UnconnectedAccount)
        with pytest.raises(NotFound):
            await imin.delete_seller_account("1234", SELLER)


async def test_a_body_that_can_not_be_read_is_sent_too() -> None:
    """To whomever one says."""
    fake = FakeImin()
    assert fake.load('{"imin:item": 5}', customer="5678") == "5678"
    async with session(fake) as imin:
        with pytest.raises(DecodeError):
            await imin.get_seller_accounts("5678")


@pytest.mark.parametrize("reply", [b"{", "[]", {"@id": "https://h/"}, b"\xff", "[" * 100_000])
def test_what_is_no_json_or_about_nobody_is_refused(reply: Any) -> None:
    """ValueError, and nothing was added."""
    fake = FakeImin()
    with pytest.raises(ValueError, match=r"is not JSON|names no customer"):
        fake.load(reply)
    assert fake.population.people == {}


def test_a_snapshot_keeps_them() -> None:
    """Byte for byte; and one that holds no JSON in their place is refused."""
    fake, other = FakeImin(), FakeImin()
    fake.load(SAVED)
    other.restore(json.loads(json.dumps(fake.snapshot())))
    assert other.population.replies == {"1234": SAVED.decode()}
    odd = {**fake.snapshot(), "replies": [{"customer": "1234", "reply": "{"}]}
    with pytest.raises(ValueError, match=r"\$\.replies\[0\]\.reply: the reply is not JSON"):
        other.restore(odd)
