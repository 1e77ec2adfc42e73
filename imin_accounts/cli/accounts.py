"""``imin-accounts accounts``: a customer's account with each seller, as imin has it now."""

import asyncio

import click
from rich.console import Console
from rich.text import Text

from imin_accounts import (
    ConnectedAccount,
    NoAccount,
    SellerAccount,
    SellerAccounts,
    UnconnectedAccount,
    to_jsonld,
)
from imin_accounts.cli._connection import connection_options, session
from imin_accounts.cli._failures import PARTLY_DONE, told_in_json
from imin_accounts.cli._help import examples
from imin_accounts.cli._output import console, json_option, line, print_json, safe, state
from imin_accounts.cli._tables import Column, print_table


@click.command(
    epilog=examples(
        "imin-accounts accounts rosie",
        "imin-accounts accounts rosie --redirect-uri https://broker.example/back",
        "imin-accounts accounts rosie --json > saved.json",
    )
)
@click.argument("customer")
@click.option(
    "--redirect-uri", metavar="URL", help="Where connecting ends; asks imin for the links to connect with."
)
@json_option
@connection_options
@click.pass_context
def accounts(ctx: click.Context, customer: str, redirect_uri: str | None, as_json: bool) -> None:
    """List a customer's account with each seller.

    CUSTOMER is imin's identifier for them, as Create Customer Account returned it. With --redirect-uri the
    links to connect an account are shown: each holds a token that is good once and for a short time, for
    that customer's browser only.

    --json prints imin's reply, which `imin-accounts read` takes, or what went wrong ("failures").
    """
    with told_in_json(as_json, customer):
        found = asyncio.run(_fetch(customer, redirect_uri))
    if as_json:
        print_json(to_jsonld(found))
    else:
        to = console()
        print_accounts(to, found)
        print_links(to, found)
    problems = [*found.problems, *(problem for account in found for problem in account.problems)]
    for problem in problems:
        click.echo(f"Problem: {safe(problem)}", err=True)
    if problems:
        ctx.exit(PARTLY_DONE)


async def _fetch(customer: str, redirect_uri: str | None) -> SellerAccounts:
    async with session() as imin:
        return await imin.get_seller_accounts(customer, redirect_uri=redirect_uri)


def print_accounts(to: Console, accounts: SellerAccounts) -> None:
    """One row for each account, in imin's order: who and in which state, with what to know below."""
    rows = [
        (
            Text.assemble(seller_name(account), (f"\n{_seller_id(account)}", "dim")),
            Text.assemble(state(account), (f"\n{_notes(account)}", "dim")),
        )
        for account in accounts
    ]
    print_table(to, (Column("Seller", is_id=True), Column("Account")), rows)


def print_links(to: Console, accounts: SellerAccounts) -> None:
    """The links for a customer's browser, where imin gave any."""
    for account in accounts:
        match account:
            case UnconnectedAccount() | NoAccount() if account.register_url or account.create_url:
                to.print(Text(f"\n{seller_name(account)}", style="bold"))
                if account.register_url:
                    line(to, "log in and connect", str(account.register_url))
                if account.create_url:
                    line(to, "join and connect", str(account.create_url))


def seller_name(account: SellerAccount) -> str:
    """What to call a seller: its name, else its identifier."""
    return safe(account.seller.name or account.seller.id) if account.seller else "(no seller)"


def _seller_id(account: SellerAccount) -> str:
    return safe(account.seller.id) if account.seller else ""


def _notes(account: SellerAccount) -> str:
    notes = []
    if isinstance(account, ConnectedAccount):
        requests = [e.evidence_request for e in account.evidence_requests if e.evidence_request]
        if account.date_linked:
            notes.append(f"since {account.date_linked:%Y-%m-%d}")
        notes += _counted("proof outstanding", sum(request.is_outstanding for request in requests))
        notes += _counted("entitlement error", len(account.entitlement_update_errors))
    return "\n".join([*notes, *_counted("problem", len(account.problems))])


def _counted(what: str, count: int) -> list[str]:
    return [f"{what}: {count}"] if count else []
