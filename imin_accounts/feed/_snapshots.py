"""What a feed remembers: what was last read of a customer, and whose turn it is. Protocol and format."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol

import attrs
import orjson

from imin_accounts._wire.converter import from_jsonld, to_jsonld
from imin_accounts.changes import Change, SellerUnreadable, changes, last_readable
from imin_accounts.errors import DecodeError, SnapshotsError
from imin_accounts.models import SellerAccounts

VERSION = 1
"""Of the format; it grows when an older release could not read what a newer one writes."""


_OF_ONE = "only what is kept of this customer; `forget` erases it"


@attrs.frozen
class Snapshot:
    """What is known of a customer: what the next reply is compared with.

    Attributes:
        accounts: As last read; of what could not be read then, as it last could be.
        unreadable: The identifiers of sellers whose item can't be read now, which was told already.
    """

    accounts: SellerAccounts
    unreadable: frozenset[str] = frozenset()

    @classmethod
    def loads(cls, text: bytes | str) -> "Snapshot":
        """Read what ``dumps`` has written, in this version or an older one.

        Raises:
            SnapshotsError: A newer release has written it, or it is damaged.
        """
        error = SnapshotsError("damaged", _OF_ONE)
        try:
            document = orjson.loads(text)
            if document["version"] > VERSION:
                error = SnapshotsError("newer")
            else:
                return cls(from_jsonld(document["accounts"]), frozenset(document.get("unreadable", ())))
        except (DecodeError, LookupError, TypeError, ValueError):
            pass
        raise error

    def dumps(self) -> bytes:
        """The snapshot as JSON: a version, and the accounts as JSON-LD."""
        document: dict[str, Any] = {"version": VERSION, "accounts": to_jsonld(self.accounts)}
        if self.unreadable:
            document["unreadable"] = sorted(self.unreadable)
        return orjson.dumps(document)


def compared(before: Snapshot | None, read: SellerAccounts) -> tuple[tuple[Change, ...], Snapshot]:
    """What a new reply changes, and what is known then. That a seller is unreadable is told once."""
    was = None if before is None else before.accounts
    found = changes(was, read)
    told = frozenset() if before is None else before.unreadable
    unreadable = {_id(each): each for each in found if isinstance(each, SellerUnreadable) and each.now}
    again = {id(each) for seller, each in unreadable.items() if seller in told}
    news = tuple(each for each in found if id(each) not in again) if again else found
    return news, Snapshot(last_readable(was, read), frozenset(unreadable))


def _id(change: SellerUnreadable) -> str:
    return "" if change.seller is None else change.seller.id


@attrs.frozen
class Claim:
    """One customer whose turn it is, and that nobody else reads until it is finished or released.

    Attributes:
        customer: The identifier. Hidden in the repr, as the snapshot is.
        token: What ``finish`` knows the note by: whether the customer was noted again or forgotten since.
        baseline: Whether a first picture is to be taken in silence.
        snapshot: As ``Snapshot.dumps`` wrote it; None where nothing is known yet.
        kept: A reply, as JSON-LD, that was to be delivered and was not finished; None where there is none.
        deliveries: How often in a row the consumer was given it and was not done with it.
    """

    customer: str = attrs.field(repr=lambda _: "'***'")
    token: Any
    baseline: bool = False
    snapshot: bytes | None = attrs.field(default=None, repr=False)
    kept: bytes | None = attrs.field(default=None, repr=False)
    deliveries: int = 0


def loaded(claim: Claim) -> tuple[Snapshot | None, SellerAccounts | None]:
    """What is known of a customer who was claimed, and the reply that was kept.

    Raises:
        SnapshotsError: As from ``Snapshot.loads``; of what was kept, too.
    """
    before = None if claim.snapshot is None else Snapshot.loads(claim.snapshot)
    try:
        return before, None if claim.kept is None else from_jsonld(claim.kept)
    except DecodeError:
        pass
    raise SnapshotsError("damaged", _OF_ONE)


class Snapshots(Protocol):
    """Where a feed keeps notes and snapshots. What these return from is committed.

    A note is a customer who is to be read. A customer has one at most: further ones merge with what waits.
    ``SqliteSnapshots`` is the embedded one; ``examples/postgres_snapshots.py`` shares a feed between workers.
    The feed enters and leaves it.
    """

    async def __aenter__(self) -> object: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> object: ...

    async def note(self, customers: Sequence[str], *, urgent: bool, baseline: bool) -> None:
        """Commit that customers are to be read.

        Args:
            customers: Identifiers, one at least.
            urgent: Before those who are not, a waiting note of theirs too.
            baseline: To be read in silence where nothing is known. One note that is not for a baseline wins.
        """
        ...

    async def claim(self, limit: int) -> Sequence[Claim]:
        """Take up to ``limit`` customers who are noted and whom nobody has; ``()`` where there is none.

        Those with fewer ``deliveries`` first, then the urgent, each in the order noted: whose update nobody
        could be done with waits behind everybody else.
        """
        ...

    async def keep(self, read: Sequence[tuple[Claim, bytes]]) -> None:
        """Commit replies that are about to be delivered: each comes again, as ``Claim.kept``, until finished.

        So it is the same that comes again, whatever has changed at imin meanwhile.
        """
        ...

    async def finish(self, done: Sequence[tuple[Claim, bytes | None]]) -> None:
        """Commit what reads came to, and give the claims back, all in one.

        For each: the snapshot is replaced, or stays where it is None; what was kept goes; and the note ends,
        unless the customer was noted again since the claim, or the claim had a reply kept already, which is
        what was delivered: then it waits again. Of who was forgotten since, nothing is stored.
        """
        ...

    async def release(self, claims: Sequence[Claim]) -> None:
        """Give claims back: their notes wait again, if they are still there."""
        ...

    async def postpone(self, claims: Sequence[Claim]) -> None:
        """Commit that claims were delivered in vain, and give them back: each has one more of ``deliveries``.

        ``finish`` makes that 0 again, further notes don't. Of who was forgotten nothing is stored. How long
        to wait until the next delivery is the feed's affair.
        """
        ...

    async def load(self, customer: str) -> bytes | None:
        """A customer's snapshot; None where there is none."""
        ...

    async def forget(self, customer: str) -> None:
        """Erase a customer's snapshot and note. A claim of theirs changes nothing from then on."""
        ...
