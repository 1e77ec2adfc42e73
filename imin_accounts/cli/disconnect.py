"""``imin-accounts disconnect``: take a customer's account with one seller away from the broker."""

import asyncio

import click

from imin_accounts import Deletion, OutcomeUnknown
from imin_accounts.cli._connection import connection_options, session
from imin_accounts.cli._failures import told_in_json
from imin_accounts.cli._help import examples
from imin_accounts.cli._output import json_option, print_json
from imin_accounts.cli._signals import ignore_from_now


@click.command(
    epilog=examples(
        "imin-accounts disconnect rosie https://id.bookingsystem.example.com/organizers/1",
        "imin-accounts disconnect rosie https://id.bookingsystem.example.com/organizers/1 --json",
    )
)
@click.argument("customer")
@click.argument("seller")
@json_option
@connection_options
def disconnect(customer: str, seller: str, as_json: bool) -> None:
    """Disconnect a customer's account with one seller.

    SELLER is the seller's identifier, exactly as `imin-accounts accounts` shows it. The customer keeps
    their account with the seller. Where imin's answer is lost the accounts are read again; exit code 3
    says that even so nobody can tell, and any other failure that the account was not touched.

    --json prints the outcome and the attempts, or what went wrong ("failures").
    """
    with told_in_json(as_json, customer, seller):
        try:
            deletion = asyncio.run(_delete(customer, seller))
        except (KeyboardInterrupt, SystemExit):  # SIGTERM and SIGHUP come as the latter
            raise OutcomeUnknown("interrupted") from None
    if as_json:
        attempts = [attempt.attributes for attempt in deletion.attempts]
        print_json({"outcome": deletion.outcome, "attempts": attempts})
    elif deletion.outcome == "confirmed":
        click.echo("Disconnected; imin confirmed it.")
    else:
        click.echo("Disconnected; imin's answer was lost, and a re-read verified it.")


async def _delete(customer: str, seller: str) -> Deletion:
    async with session() as imin:
        deletion = await imin.delete_seller_account(customer, seller)
        ignore_from_now()
        return deletion
