"""What a run would disconnect, shown and not done."""

from typing import Any

from imin_accounts import AccountsSession, Failed, Fetched
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._many.run import Ended, Result, run_all
from imin_accounts.cli._output import console, count_text, print_json
from imin_accounts.cli._tables import Column, print_table

_COLUMNS = (Column("Customer", is_id=True), Column("Seller"), Column("Identifier", is_id=True))
_UNREAD = (Column("Customer", is_id=True), Column("Not read"), Column("In words"))


def dry_run(
    imin: AccountsSession, pending: Pending, *, concurrency: int, tally: Tally, as_json: bool
) -> tuple[Result, Ended | None]:
    """Read every customer, and print the accounts that are connected, who could not be read, and totals.

    Returns:
        What the reading came to, and what it could not go on with.
    """
    connected: list[dict[str, Any]] = []
    doubtful = 0
    result = Result()

    def take(outcome: Fetched | Failed) -> None:
        nonlocal doubtful
        if isinstance(outcome, Fetched):
            # Each may be a connected account, which a run would not get to.
            doubtful += len(outcome.accounts.unrecognised)
            connected.extend(
                {
                    "customer": outcome.customer,
                    "seller_name": account.seller.name,
                    "seller_id": account.seller.id,
                }
                for account in outcome.accounts.connected
            )

    ended = run_all(imin, pending, take, result, concurrency=concurrency, tally=tally)
    customers = len({account["customer"] for account in connected})
    if as_json:
        print_json(
            {
                "connected": connected,
                "accounts": len(connected),
                "customers": customers,
                "unrecognised": doubtful,
                **result.as_json(),
            }
        )
        return result, ended
    to = console()
    if connected:
        print_table(to, _COLUMNS, [list(account.values()) for account in connected])
    if result.failures:
        rows = [[each.customer, each.kind.label, each.text] for each in result.failures]
        print_table(to, _UNREAD, rows)
    accounts = f"{count_text(len(connected), 'account')} of {count_text(customers, 'customer')}"
    nothing = "Nothing connected" if result.read else "Nobody was read, so nobody can tell"
    told = [f"{accounts} would be disconnected" if connected else nothing]
    told.append(f"{count_text(result.read, 'customer')} read, {result.failed:,} could not be read")
    if result.left:
        told.append(f"{result.left:,} not asked for")
    if doubtful:
        told.append(f"{count_text(doubtful, 'account')} not recognised, of which nobody can tell")
    to.print(f"{'; '.join(told)}.", soft_wrap=True)
    return result, ended
