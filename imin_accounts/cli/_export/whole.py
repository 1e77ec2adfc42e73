"""Customers put together from rows, whatever kind of file the rows stand in."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from imin_accounts.cli._files import CannotRead
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli.rows import NoRow, Row, checked


def whole_customers(path: Path, rows: Iterable[object], place: Callable[[], str]) -> Iterator[list[Row]]:
    """The rows of each customer who is whole; whose rows end before the last one is left out.

    Args:
        path: Where the rows are from.
        rows: They may raise ``ValueError`` and ``KeyError``.
        place: Says which row it is that was read last.

    Raises:
        CannotRead: A row is none of an export's, or missing, or there is a customer twice.
    """
    of_one: list[Row] = []
    with Pending() as seen:
        try:
            for found in rows:
                row = checked(found)
                of_one.append(row)
                first = of_one[0]
                if row is first and not seen.add_new(str(row["customer"])):
                    raise NoRow("this customer was there before; the rows of one stand together")
                if (row["customer"], row["part"], row["parts"]) != (
                    first["customer"],
                    len(of_one),
                    first["parts"],
                ):
                    raise NoRow(
                        "the rows of one customer stand together, in the order of part, and none is missing"
                    )
                if row["part"] == row["parts"]:
                    yield of_one
                    of_one = []
        except (ValueError, KeyError) as error:  # the texts of others than ours quote what was found
            reason = "is no row of an export of this version, or not in its place"
            why = f": {error}" if isinstance(error, NoRow) else ""
            raise CannotRead(path, f"{place()} {reason}{why}") from None
        except OSError as error:
            raise CannotRead(path, error) from None
