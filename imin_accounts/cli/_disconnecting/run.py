"""Every connected account of a customer disconnected, and seen to be gone, for one customer after another."""

import asyncio

import attrs

from imin_accounts import (
    AccountsSession,
    AuthenticationError,
    Failed,
    IminError,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    SellerAccounts,
    UnexpectedResponse,
)
from imin_accounts.cli._disconnecting.journal import Journal
from imin_accounts.cli._failures import PARTLY_DONE, Failure, Failures, Kind
from imin_accounts.cli._files import CannotWrite
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._many.run import stopping


@attrs.define
class Disconnecting:
    """Disconnects customers' accounts, customer by customer, and counts. Counts are of customers.

    Each request is a bulk call for one, which waits for as long as imin holds everybody back.

    Attributes:
        cleared: Customers who certainly have no connected account.
        open: Customers of whom that can't be said.
        unknown: Customers whom imin does not know (404), so that there is nothing to see.
        left: Customers who were not begun with, since the run was interrupted or came to an end before.
        disconnected: How many accounts of these customers have certainly been disconnected, by earlier runs
            with the journal too.
        failures: Why, by name: those who are open, unknown or left.
        error: What nobody can go on with: a refused key, an imin that lets nobody through, or a journal that
            can't be written.
    """

    imin: AccountsSession
    journal: Journal
    cleared: int = 0
    open: int = 0
    unknown: int = 0
    left: int = 0
    disconnected: int = 0
    failures: Failures = attrs.Factory(Failures)
    error: AuthenticationError | RateLimited | CannotWrite | None = None

    @property
    def has_acted(self) -> bool:
        """Whether anything was, or may have been, disconnected, in an earlier run with the journal too."""
        return bool(self.journal.disconnected) or self.journal.has_open_sellers

    @property
    def exit_code(self) -> int:
        """0 where every customer is cleared, 3 where anything was done or is left; else it says why not."""
        if not (self.open or self.left or self.unknown):
            return 0
        if self.left or self.cleared or self.has_acted:
            return PARTLY_DONE
        return self.failures.exit_code

    def resume(self, pending: Pending) -> None:
        """Drop whom the journal says to be cleared; they count. Who was unknown is asked about last."""
        for customer, is_cleared in self.journal.resume():
            disconnected = self.journal.take_disconnected(customer) if is_cleared else 0
            if pending.discard(customer):
                self.disconnected += disconnected
                if is_cleared:
                    self.cleared += 1
                else:
                    pending.add([customer])

    async def run(self, pending: Pending, *, concurrency: int, tally: Tally) -> None:
        """Disconnect everything, so many customers at a time, until an interrupt or an ``error``.

        Those under way are finished then, but nobody waits for a hold of imin's after an interrupt. A
        customer's accounts are disconnected one after another.
        """
        tally.start(len(pending))
        each = iter(pending)
        async with stopping(self.imin.stop_waiting) as stop, self.imin:

            async def work() -> None:
                while not stop.is_set() and self.error is None and (customer := next(each, None)) is not None:
                    cleared = await self._is_cleared(customer)
                    pending.discard(customer)
                    tally.count(failed=not cleared)

            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(work())
        self.left = tally.total - tally.done
        if stop.is_set() and isinstance(self.error, RateLimited):
            self.error = None
        self.disconnected += sum(map(self.journal.take_disconnected, pending))
        self.failures.add_left(pending, self.error)  # nobody is left who was asked for

    async def _is_cleared(self, customer: str) -> bool:
        failures: list[Failure] = []
        is_unknown = False
        try:
            try:
                failures = await self._disconnect_all(customer)
            except IminError as error:
                self._note(error)
                failures = [Failure.of(customer, error)]
                is_unknown = isinstance(error, NotFound) and not self.journal.open_sellers(customer)
                if isinstance(error, NotFound) and not is_unknown:
                    failures = [attrs.evolve(each, kind=Kind.IN_DOUBT) for each in failures]
                if is_unknown:
                    self.journal.miss(customer)
                else:
                    self.journal.fail(customer, None, error)
        except CannotWrite as error:
            self.error = self.error or error
            failures = [Failure(customer=customer, kind=Kind.NOT_WRITTEN, text=Kind.NOT_WRITTEN.detail)]
        for failure in failures:
            self.failures.add(failure)
        self.disconnected += self.journal.take_disconnected(customer)
        self.unknown += is_unknown
        self.open += bool(failures) and not is_unknown
        self.cleared += not failures
        return not failures

    async def _disconnect_all(self, customer: str) -> list[Failure]:
        """Returns what went wrong with accounts that are open still; none where the customer is cleared."""
        errors: dict[str, IminError] = {}
        accounts = await self._read(customer)
        connected = dict.fromkeys(account.seller.id for account in accounts.connected)
        if connected:
            await self.journal.intend(customer, connected)
            for seller in connected:
                if error := await self._disconnect(customer, seller):
                    errors[seller] = error
            accounts = await self._read(customer)
        for seller in self.journal.open_sellers(customer):
            if accounts.is_connected(seller) is False:
                self.journal.disconnect(customer, seller, "verified")
        if open_sellers := self.journal.open_sellers(customer):
            for seller in open_sellers - errors.keys():  # of an earlier run
                errors[seller] = OutcomeUnknown("an earlier run's, and the accounts don't show it")
                self.journal.fail(customer, seller, errors[seller])
            return [_open(customer, errors[seller], seller) for seller in sorted(open_sellers)]
        if accounts.id is None or accounts.connected or accounts.unrecognised:
            raise UnexpectedResponse("the accounts do not show that nothing is connected")
        self.journal.clear(customer)
        return []

    async def _read(self, customer: str) -> SellerAccounts:
        async with self.imin.get_many([customer]) as outcomes:
            outcome = await anext(outcomes)
        if isinstance(outcome, Failed):
            raise outcome.error
        return outcome.accounts

    async def _disconnect(self, customer: str, seller: str) -> IminError | None:
        try:
            async with self.imin.delete_many([(customer, seller)]) as outcomes:
                outcome = await anext(outcomes)
            if isinstance(outcome, Failed):
                raise outcome.error
        except IminError as error:
            self._note(error)
            self.journal.fail(customer, seller, error)
            return error
        self.journal.disconnect(customer, seller, outcome.deletion.outcome)
        return None

    def _note(self, error: IminError) -> None:
        match error:
            case AuthenticationError(status=401) | RateLimited():
                self.error = self.error or error


def _open(customer: str, error: IminError, seller: str) -> Failure:
    """Why an account is open still; a 404 says nothing of the customer, whom imin has just told of."""
    failure = Failure.of(customer, error, seller)
    return attrs.evolve(failure, kind=Kind.NO_ACCOUNT) if failure.kind is Kind.UNKNOWN else failure
