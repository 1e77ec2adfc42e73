"""Waits until an account shows as connected: for the page that a customer comes back to from a seller.

imin tells nobody of a new connection, so it has to be looked for. What a read shows is for everybody in this
session who waits for that customer: an impatient one who loads the page ten times costs no more reads than a
patient one. But nobody is given a read that began before they asked.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from weakref import WeakValueDictionary

from imin_accounts.errors import DeadlineExceeded
from imin_accounts.models import ConnectedAccount, SellerAccounts
from imin_accounts.session._attempt import Sender
from imin_accounts.session._call import Call
from imin_accounts.session._runtime import Runtime

Read = Callable[[str, float], Awaitable[SellerAccounts]]
"""Reads the accounts of a customer within some seconds."""
SHORTEST, LONGEST = 1.0, 5.0
"""Seconds from one read of a customer to the next."""


class _Reads:
    """The reads of one customer, for as long as somebody waits for one."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.began = -math.inf
        self.number = 0
        self.accounts: SellerAccounts | None = None


class Waiting:
    """All who wait for an account of some customer.

    Args:
        timeout: Seconds that a read may take at most.
    """

    def __init__(self, sender: Sender, runtime: Runtime, timeout: float) -> None:
        self._sender = sender
        self._runtime = runtime
        self._timeout = timeout
        self._reads = WeakValueDictionary[str, _Reads]()

    async def until_connected(
        self, call: Call, customer: str, seller: str, read: Read
    ) -> ConnectedAccount | None:
        """The account, or None where the time of ``call`` is up. Raises as ``read`` does."""
        reads = self._reads.setdefault(customer, _Reads())
        try:
            found = await self._sender.within(call, self._poll(call, reads, seller, partial(read, customer)))
        except DeadlineExceeded:
            return None
        if isinstance(found, DeadlineExceeded):
            raise found
        return found

    async def _poll(
        self, call: Call, reads: _Reads, seller: str, read: Callable[[float], Awaitable[SellerAccounts]]
    ) -> ConnectedAccount | DeadlineExceeded | None:
        """As ``until_connected``; a read's own error of time is returned, to tell it from the call's."""
        seen = reads.number
        for tries in count(1):
            async with reads.turn:
                accounts = reads.accounts
                if reads.number == seen or accounts is None:
                    await self._pause(call, reads.began + SHORTEST - self._runtime.clock())
                    reads.number, reads.began, reads.accounts = reads.number + 1, self._runtime.clock(), None
                    left = self._sender.remaining(call)
                    try:
                        accounts = await read(min(self._timeout, left))
                    except DeadlineExceeded as error:
                        return error if self._timeout < left else None
                    reads.accounts = accounts
                seen = reads.number
            account = accounts.for_seller(seller)
            if isinstance(account, ConnectedAccount):
                return account
            jitter = self._runtime.random() * (min(LONGEST, 2.0 ** min(tries, 8)) - SHORTEST)
            # Not past the end: the last second is for one more read.
            left = self._sender.remaining(call)
            await self._pause(call, max(SHORTEST, min(SHORTEST + jitter, left - SHORTEST)))
        raise AssertionError("unreachable")

    async def _pause(self, call: Call, seconds: float) -> None:
        if seconds <= 0:
            return
        if seconds >= self._sender.remaining(call):
            raise call.expired()
        began = self._runtime.clock()
        await self._runtime.sleep(seconds)
        # A test's sleep may return at once; else a wait of 20 s there would be 20 s of reading.
        call.deadline -= max(0.0, seconds - (self._runtime.clock() - began))
