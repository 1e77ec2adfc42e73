"""Uses of the public names that a type checker must accept, or refuse where marked. Never run."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, assert_never, assert_type

from yarl import URL

from imin_accounts import (
    AccountsSession,
    ConnectedAccount,
    Deleted,
    Deletion,
    Failed,
    Fetched,
    NoAccount,
    ResponseError,
    RetryPolicy,
    SellerAccount,
    SellerAccounts,
    UnconnectedAccount,
    UnrecognisedAccount,
    from_jsonld,
    to_jsonld,
)
from imin_accounts.fake import FakeImin
from imin_accounts.models import AccessPass, Entitlement, Seller
from imin_accounts.transports import AiohttpTransport, Request, Response, Transport


def the_four_states_are_all_there_are(account: SellerAccount) -> str:
    match account:
        case ConnectedAccount(seller=seller, access_pass=card):
            assert_type(seller, Seller)
            assert_type(card, AccessPass | None)
            return seller.id
        case UnconnectedAccount() | NoAccount():
            assert_type(account.register_url, URL | None)
            return account.seller.id
        case UnrecognisedAccount(seller=known):
            assert_type(known, Seller | None)
            return ""
        case _:
            assert_never(account)


def a_forgotten_state_is_an_error(account: SellerAccount) -> str:
    match account:
        case ConnectedAccount() | UnconnectedAccount() | NoAccount():
            return account.seller.id
        case _:
            assert_never(account)  # type: ignore[arg-type]


async def calls_and_what_they_return() -> None:
    async with AccountsSession("key", retry=RetryPolicy(attempts=1), timeout=5) as session:
        accounts = await session.get_seller_accounts("1234", redirect_uri=URL("https://broker.example/back"))
        assert_type(accounts, SellerAccounts)
        for account in accounts:
            assert_type(account, SellerAccount)
        assert_type(accounts.for_seller("https://seller.example/1"), SellerAccount | None)
        assert_type(accounts.connected, tuple[ConnectedAccount, ...])
        assert_type(accounts.with_entitlement_filter("https://search.imin.co/"), URL)
        assert_type(accounts.drift(), dict[str, int])
        assert_type(accounts.connect_url("https://seller.example/1", create=True), URL | None)
        waited = await session.wait_until_connected("1234", "https://seller.example/1", timeout=5)
        assert_type(waited, ConnectedAccount | None)
        await session.get_seller_accounts("1234", retry=RetryPolicy(attempts=1))
        deletion = await session.delete_seller_account("1234", "https://seller.example/1", timeout=5.0)
        assert_type(deletion, Deletion)


async def keys_may_be_asked_for() -> AsyncIterator[AccountsSession]:
    async def rotating() -> str:
        return "key"

    yield AccountsSession(rotating)
    yield AccountsSession(lambda: "key")
    yield AccountsSession.from_env(timeout=5.0)
    yield AccountsSession.from_env(
        base_url=URL("https://broker.example/imin"), transport=FakeImin(), rate_limit=50
    )


def models_and_documents(document: bytes, entitlement: Entitlement) -> None:
    assert_type(from_jsonld(document), SellerAccounts)
    assert_type(entitlement.expires, datetime | None)
    to_jsonld(from_jsonld({}, strict=True))
    assert_type(from_jsonld(document, Seller), Seller)
    assert_type(from_jsonld(document, ConnectedAccount), ConnectedAccount)
    account: SellerAccount = from_jsonld(document, SellerAccount)
    assert_type(to_jsonld(account), dict[str, Any])
    accounts = from_jsonld(document)
    assert_type(accounts.customer, str | None)
    assert_type(accounts[1:], tuple[SellerAccount, ...])
    first: SellerAccount = accounts[0]
    Seller(id="s", extra={"x": first.problems})


class Own:
    async def send(self, request: Request, *, timeout: float) -> Response:
        return Response(status=204, headers={}, body=b"")


def transports_need_no_base_class() -> list[Transport]:
    return [Own(), FakeImin(), AiohttpTransport()]


def names_that_do_not_exist_are_refused() -> None:
    from imin_accounts import Session  # type: ignore[attr-defined]  # noqa: F401


async def wrong_uses_are_refused(session: AccountsSession, account: ConnectedAccount) -> None:
    AccountsSession(b"key")  # type: ignore[arg-type]
    AccountsSession("key", transport=object())  # type: ignore[arg-type]
    AccountsSession.from_env(timout=3)  # type: ignore[call-arg]
    AccountsSession.from_env(timeout="3")  # type: ignore[arg-type]
    AccountsSession.from_env(api_key=b"key")  # type: ignore[arg-type]
    RetryPolicy(3)  # type: ignore[call-arg]
    await session.get_seller_accounts(1234)  # type: ignore[arg-type]
    await session.get_seller_accounts("1234", "https://broker.example/back")  # type: ignore[call-arg]
    await session.delete_seller_account("1234")  # type: ignore[call-arg]
    account.register_url  # type: ignore[attr-defined]  # noqa: B018
    account.seller = Seller(id="")  # type: ignore[misc]
    session.get_seller_accounts("1234").connected  # type: ignore[attr-defined]  # noqa: B018


async def many_have_one_outcome_each(session: AccountsSession) -> None:
    async with session.get_many(["1234"], concurrency=8) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Fetched | Failed)
    async with session.delete_many([("1234", "https://seller.example/1")]) as ends:
        async for end in ends:
            assert_type(end, Deleted | Failed)


async def wrong_bulk_uses_are_refused(session: AccountsSession) -> None:
    session.get_many([1234])  # type: ignore[list-item]
    session.get_many(["1234"], "https://broker.example/back")  # type: ignore[call-arg]
    session.delete_many(["1234"])  # type: ignore[list-item]
    async for _ in session.get_many(["1234"]):  # type: ignore[attr-defined]
        pass


def wrong_results_are_refused(accounts: SellerAccounts, error: ResponseError) -> None:
    Deletion("perhaps")  # type: ignore[arg-type]
    accounts.item[0] = accounts.item[1]  # type: ignore[index]
    accounts.entitlement_filter = "token"  # type: ignore[misc]
    error.problem.status  # type: ignore[attr-defined]  # noqa: B018
    for account in accounts:
        account.seller.id  # type: ignore[union-attr]  # noqa: B018
