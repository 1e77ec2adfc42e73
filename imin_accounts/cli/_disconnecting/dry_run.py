"""What a run would disconnect, shown and not done."""

from typing import Any

from imin_accounts import AccountsSession, Failed, Fetched, UnrecognisedAccount
from imin_accounts.cli._failures import Failure, Kind
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._many.run import Ended, Result, run_all
from imin_accounts.cli._output import console, count_text, print_json
from imin_accounts.cli._tables import Column, print_table

_COLUMNS = (Column("Customer", is_id=True), Column("Seller"), Column("Identifier", is_id=True))
_UNREAD = (Column("Customer", is_id=True), Column("Not read"), Column("In words"))


def _not_recognised(customer: str, account: UnrecognisedAccount) -> Failure:
    """It may be a connected account, which a run would not get to."""
    seller = account.seller.id if account.seller else None
    text = f"an account was not recognised: {'; '.join(account.problems)}"
    return Failure(customer=customer, seller=seller, kind=Kind.UNREADABLE, text=text)


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
            for account in outcome.accounts.unrecognised:
                doubtful += 1
                result.failures.add(_not_recognised(outcome.customer, account))
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
    told = [f"{accounts} would be disconnected" if connected else "Nothing connected"]
    told.append(f"{count_text(result.read, 'customer')} read, {result.failed:,} could not be read")
    if result.left:
        told.append(f"{result.left:,} not asked for")
    if doubtful:
        told.append(f"{count_text(doubtful, 'account')} not recognised, of which nobody can tell")
    to.print(f"{'; '.join(told)}.", soft_wrap=True)
    return result, ended
