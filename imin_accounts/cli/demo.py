"""``imin-accounts demo``: the whole of it in a few seconds, against an emulated imin on this machine."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import click
from rich.console import Console
from rich.text import Text
from yarl import URL

from imin_accounts import AccountsSession, ConnectedAccount, Fetched, SellerAccounts, UnconnectedAccount
from imin_accounts.cli._help import examples
from imin_accounts.cli._output import console
from imin_accounts.cli._signals import told_to_end
from imin_accounts.cli._site.scripted_browser import open_page, submit
from imin_accounts.cli.accounts import print_accounts, seller_name
from imin_accounts.fake import FakeImin, add_people, add_rosie

API_KEY = "demo-key"
CUSTOMER = "rosie"
PASSWORD = "password"  # what add_rosie gives her account at the seller
REDIRECT_URI = "https://broker.example/connected"


@click.command(
    epilog=examples(
        "imin-accounts demo",
        "imin-accounts demo --serve",
        "imin-accounts demo --serve --port 8001",
    )
)
@click.option("--serve", is_flag=True, help="Serve a broker's site, to be Rosie in a browser of your own.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Of that site; 0: any free one.",
)
def demo(serve: bool, port: int) -> None:
    """See an account listed, connected and disconnected.

    No key is needed: an emulated imin is started on this machine, and asked over real HTTP. Nothing else is
    contacted.
    """
    if serve:
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(port))
    else:
        asyncio.run(_demo(console()))


async def _serve(port: int) -> None:
    from imin_accounts.cli._site.demo import demonstration  # its web server takes long to import

    told = told_to_end()  # before anybody can read that it is up
    try:
        async with demonstration(port=port) as (site, imin):
            click.echo(f"Rosie's connections are at {site} until you interrupt this (Ctrl+C).")
            click.echo(f"The imin behind them is emulated at {imin}, on this machine only.")
            await told.wait()
    except OSError as error:
        raise click.ClickException(f"can't listen on 127.0.0.1:{port}: {error.strerror}") from None


async def _demo(to: Console) -> None:
    fake = FakeImin(API_KEY)
    add_rosie(fake)
    async with fake.serve() as base_url, AccountsSession(API_KEY, base_url=base_url) as imin:
        to.print(f"An emulated imin answers at {base_url}, on this machine only.", soft_wrap=True)

        _step(to, "1", "List Rosie's account with each seller.")
        accounts = await imin.get_seller_accounts(CUSTOMER, redirect_uri=REDIRECT_URI)
        print_accounts(to, accounts)
        chosen = next(account for account in accounts if isinstance(account, UnconnectedAccount))
        assert chosen.register_url is not None, "a link comes with every account that is not connected"

        _step(to, "2", f"Rosie clicks on “Connect” beside {seller_name(chosen)}. In her browser:")
        await asyncio.to_thread(_connect, to, chosen.register_url)

        _step(to, "3", "List them again: only this tells whether it worked.")
        accounts = await imin.get_seller_accounts(CUSTOMER)
        print_accounts(to, accounts)
        _check(accounts, chosen.seller.id, connected=True)

        _step(to, "4", "Disconnect it.")
        deletion = await imin.delete_seller_account(CUSTOMER, chosen.seller.id)
        to.print(f"   Done, and {deletion.outcome}.")

        _step(to, "5", "List them once more: Rosie's own account with the seller remains.")
        accounts = await imin.get_seller_accounts(CUSTOMER)
        print_accounts(to, accounts)
        _check(accounts, chosen.seller.id, connected=False)

    _step(to, "6", "At night, look after 200 other customers.")
    await _audit(to)


async def _audit(to: Console) -> None:
    """What a nightly job finds among a town's people."""
    fake, soon = FakeImin(API_KEY, seed=1), datetime.now(UTC) + timedelta(days=30)
    add_people(fake, sellers=9, customers=200)
    found = Counter[str]()
    async with (
        fake.serve() as base_url,
        AccountsSession(API_KEY, base_url=base_url) as imin,
        imin.get_many(fake.population.people) as outcomes,
    ):
        async for outcome in outcomes:
            assert isinstance(outcome, Fetched), "the emulated imin answers everybody"
            for account in outcome.accounts.connected:
                ends = [each.expires for each in account.entitlements if each.expires is not None]
                found["accounts connected"] += 1
                found["discounts that end within 30 days"] += sum(end < soon for end in ends)
                found["requests for proof"] += len(account.evidence_requests)
                found["discounts in conflict"] += len(account.entitlement_update_errors)
    for what, count in found.items():
        to.print(f"   {count:,} {what}")


def _connect(to: Console, link: URL) -> None:
    """What a browser does with a connect link, and Rosie with the page that it leads to."""
    to.print("   opens the link from imin's reply, which holds a token good once", soft_wrap=True)
    page = open_page(str(link))
    while page.location is not None:
        to.print(f"   is sent on ({page.status}) to the seller's own site", soft_wrap=True)
        page = open_page(page.location)
    to.print(Text(f"   shows the seller's page: “{page.form.heading}”"), soft_wrap=True)
    back = submit(page, password=PASSWORD, decision="consent")
    to.print("   sends in the password and her consent", soft_wrap=True)
    to.print(Text(f"   is sent back ({back.status}) to {back.location}"), soft_wrap=True)


def _check(accounts: SellerAccounts, seller: str, *, connected: bool) -> None:
    if isinstance(accounts.for_seller(seller), ConnectedAccount) is not connected:
        raise click.ClickException("the emulated imin did not do as it was asked")


def _step(to: Console, number: str, text: str) -> None:
    to.print(Text(f"\n{number}. {text}", style="bold"), soft_wrap=True)
