"""What a run would disconnect, shown and not done."""

import asyncio

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from imin_accounts import AccountsSession, Failed, Fetched
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._many.run import Result, read_all
from imin_accounts.cli._output import console, print_json, safe


def dry_run(
    imin: AccountsSession, pending: Pending, *, concurrency: int, tally: Tally, as_json: bool
) -> Result:
    """Read every customer, and print the accounts that are connected."""
    found: list[dict[str, str | None]] = []
    result = Result()

    def take(outcome: Fetched | Failed) -> None:
        if isinstance(outcome, Fetched):
            found.extend(
                {
                    "customer": outcome.customer,
                    "seller_name": account.seller.name,
                    "seller_id": account.seller.id,
                }
                for account in outcome.accounts.connected
            )

    asyncio.run(read_all(imin, pending, take, result, concurrency=concurrency, tally=tally))
    if as_json:
        print_json(found)
    else:
        table = Table("Customer", "Seller", "Identifier", box=SIMPLE_HEAD, header_style="bold")
        for account in found:
            table.add_row(*(Text(safe(value or ""), overflow="fold") for value in account.values()))
        console().print(table)
    return result
