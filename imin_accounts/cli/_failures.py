"""Who is not done, and why: by kind of error with what to do, and by name. One way for all commands.

On standard error stand the kinds, each with a count and what to do about it. Who the customers are is said
only where somebody asked for it: with ``--json``, in a journal or an export, and with ``--failed FILE``.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any

import attrs
import click

from imin_accounts import DeadlineExceeded, IminError, InvalidRequest, SellerAccounts
from imin_accounts.cli._output import count_text, print_json

FAILED, USAGE, PARTLY_DONE, NOT_AUTHORISED, UNREACHABLE = 1, 2, 3, 4, 5
_MOST_PROBLEMS = 3


class Kind(Enum):
    """A kind of failure: its name, what it is, what to do, and the exit code of one call that ends so."""

    UNREACHABLE = (
        "unreachable",
        "no reply, or none in time",
        "check the network and the address asked (--base-url), then repeat",
        UNREACHABLE,
    )
    KEY = ("key", "401 or 403", "check the API key, and what it is allowed to", NOT_AUTHORISED)
    UNKNOWN = ("unknown customer", "404", "check those identifiers, and the address asked", FAILED)
    THROTTLED = ("throttled", "429", "repeat later, or with a lower --rate", FAILED)
    NO_ACCOUNT = (
        "no such account",
        "404 to its disconnection",
        "imin has just listed it: repeat later; if it stays so, tell imin",
        PARTLY_DONE,
    )
    UNREADABLE = ("unreadable", "of imin's reply", "repeat later; if it stays so, tell imin", FAILED)
    IN_PART = (
        "unreadable in part",
        "the rest of the reply was read",
        "see what with `imin-accounts accounts`, and tell imin",
        PARTLY_DONE,
    )
    ERROR = ("error at imin", "another status", "repeat later; if it stays so, tell imin", FAILED)
    IDENTIFIER = ("bad identifier", "it can't be sent", "mend those identifiers", USAGE)
    IN_DOUBT = ("in doubt", "connected still, or nobody can tell", "repeat later", PARTLY_DONE)
    NOT_WRITTEN = ("not written down", "a file can't be written", "see to that, then repeat", FAILED)
    NOT_ASKED = ("not asked", "the run ended before", "repeat it", PARTLY_DONE)

    def __init__(self, label: str, detail: str, advice: str, exit_code: int) -> None:
        self.label = label
        self.detail = detail
        self.advice = advice
        self.exit_code = exit_code


class UnusableKey(InvalidRequest):
    """There is no API key, or what there is can't be one."""


def kind_of(error_type: str, status: int | None) -> Kind:
    """The kind of an error, by what an export or a journal keeps of it.

    Args:
        error_type: The name of the error's class.
        status: The HTTP status that imin answered with; None where there was no reply.
    """
    match error_type:
        case "TransportError":
            return Kind.UNREACHABLE
        case "DeadlineExceeded":
            return Kind.UNREACHABLE if status is None else Kind.ERROR
        case "AuthenticationError" | "UnusableKey":
            return Kind.KEY
        case "NotFound":
            return Kind.UNKNOWN
        case "RateLimited":
            return Kind.THROTTLED
        case "UnexpectedResponse" | "DecodeError" | "WrongCustomer":
            return Kind.UNREADABLE
        case "InvalidRequest":
            return Kind.IDENTIFIER
        case "OutcomeUnknown":
            return Kind.IN_DOUBT
        case "SnapshotsError":
            return Kind.NOT_WRITTEN
        case _:
            return Kind.ERROR


def status_of(error: IminError) -> int | None:
    """The status that imin answered with last; None where no reply came."""
    if isinstance(error, DeadlineExceeded):
        return next((attempt.status for attempt in reversed(error.attempts) if attempt.status), None)
    status: int | None = getattr(error, "status", None)
    return status


@attrs.frozen(kw_only=True)
class Failure:
    """One customer who is not done, or one account of theirs. The repr hides the customer.

    Attributes:
        seller: Whose account it is; None where it is about the customer as a whole.
        error: The name of the error's class; None where there was none, as for those who were not asked for.
        status: The HTTP status that imin answered with.
        text: The error in words, without personal data.
    """

    customer: str = attrs.field(repr=lambda _: "'***'")
    seller: str | None = None
    kind: Kind
    error: str | None = None
    status: int | None = None
    text: str = ""

    @classmethod
    def of(cls, customer: str, error: IminError, seller: str | None = None) -> "Failure":
        """What ``error`` means for ``customer``."""
        name, status = type(error).__name__, status_of(error)
        kind = kind_of(name, status)
        return cls(customer=customer, seller=seller, kind=kind, error=name, status=status, text=str(error))

    @classmethod
    def in_row(cls, row: Mapping[str, Any]) -> "Failure":
        """What a row of an export says of a customer who could not be read."""
        name, status = str(row["error_type"]), row["error_status"]
        return cls(
            customer=str(row["customer"]),
            kind=kind_of(name, status),
            error=name,
            status=status,
            text=str(row["error_text"] or ""),
        )

    @classmethod
    def in_part(cls, customer: str, problems: Iterable[tuple[str | None, Sequence[str]]]) -> "Failure | None":
        """That a part of what was read of a customer can't be read; None where everything can.

        Args:
            problems: Those of each account, after its seller; one, however many there are, is made of them.
        """
        found = [(seller, texts) for seller, texts in problems if texts]
        if not found:
            return None
        texts = list(dict.fromkeys(text for _, texts in found for text in texts))
        more = len(texts) - _MOST_PROBLEMS
        text = "; ".join(texts[:_MOST_PROBLEMS]) + (f"; and {more:,} more" if more > 0 else "")
        seller = found[0][0] if len(found) == 1 else None
        return cls(customer=customer, seller=seller, kind=Kind.IN_PART, text=text)

    @classmethod
    def in_accounts(cls, customer: str, accounts: SellerAccounts) -> "Failure | None":
        """The same of a reply."""
        of_each = ((each.seller.id if each.seller else None, each.problems) for each in accounts)
        return cls.in_part(customer, [(None, accounts.problems), *of_each])

    def as_json(self) -> dict[str, Any]:
        """Its values by name."""
        return {**attrs.asdict(self), "kind": self.kind.label}


class Failures:
    """Failures by customer, in the order in which they came."""

    def __init__(self, failures: Iterable[Failure] = ()) -> None:
        self._by_customer: dict[str, list[Failure]] = {}
        for failure in failures:
            self.add(failure)

    def add(self, failure: Failure) -> None:
        """One more."""
        self._by_customer.setdefault(failure.customer, []).append(failure)

    def add_left(
        self, customers: Iterable[str], ended_by: Exception | None, under_way: Container[str] = ()
    ) -> None:
        """Those with whom a run did not come to an end, and what ended it; None for an interrupt.

        Args:
            under_way: Those of them whom ``ended_by`` is about: who had been asked for, and no others.
        """
        for customer in customers:
            if ended_by is None or customer not in under_way:
                self.add(Failure(customer=customer, kind=Kind.NOT_ASKED, text=Kind.NOT_ASKED.detail))
            elif isinstance(ended_by, IminError):
                self.add(Failure.of(customer, ended_by))
            else:
                kind = Kind.NOT_WRITTEN
                self.add(Failure(customer=customer, kind=kind, text=kind.detail))

    def __iter__(self) -> Iterator[Failure]:
        for failures in self._by_customer.values():
            yield from failures

    def __len__(self) -> int:
        """How many customers."""
        return len(self._by_customer)

    @property
    def customers(self) -> Iterable[str]:
        """Each once."""
        return self._by_customer.keys()

    @property
    def kinds(self) -> Counter[Kind]:
        """How many customers of each kind; one with failures of two kinds counts for both."""
        return Counter(
            kind for failures in self._by_customer.values() for kind in {failure.kind for failure in failures}
        )

    @property
    def in_part(self) -> int:
        """How many customers were read, but for a part."""
        return sum(
            all(failure.kind is Kind.IN_PART for failure in failures)
            for failures in self._by_customer.values()
        )

    @property
    def exit_code(self) -> int:
        """The one that says why, where nothing else was done: unreachable, or the key, if that is all."""
        kinds = [*self.kinds]
        return kinds[0].exit_code if kinds in ([Kind.UNREACHABLE], [Kind.KEY]) else FAILED

    def as_json(self) -> list[dict[str, Any]]:
        """Everything, as JSON values."""
        return [failure.as_json() for failure in self]

    def tell(self, what: str) -> None:
        """Say on standard error how many there are of each kind, and what to do.

        Args:
            what: What became of the customers, such as ``"could not be read"``.
        """
        kinds = self.kinds
        in_part = self.in_part
        if whole := len(self) - in_part:
            click.echo(f"{count_text(whole, 'customer')} {what}:", err=True)
        for kind, count in kinds.most_common():
            if kind is not Kind.IN_PART:
                _tell(kind, count)
        if in_part:
            click.echo(f"{count_text(in_part, 'customer')} could be read in part only:", err=True)
            _tell(Kind.IN_PART, in_part)


def _tell(kind: Kind, count: int) -> None:
    click.echo(f"  {count:,} {kind.label} ({kind.detail}): {kind.advice}.", err=True)


@contextmanager
def told_in_json(as_json: bool, customer: str, seller: str | None = None) -> Iterator[None]:
    """Print an error that ends a command about one customer as JSON too, where that was asked for."""
    try:
        yield
    except IminError as error:
        if as_json:
            print_json({"failures": [Failure.of(customer, error, seller).as_json()]})
        raise
