"""A consumer of a feed, as a process to be killed.

``python -m tests.proofs.feed_consumer URL FILE JOURNAL [round]``: the journal has a line when the body of an
update begins, and one when it is done. With ``round`` the process ends when nothing is due, and prints the
memory that it took.
"""

import asyncio
import base64
import os
import pickle
import sys

from imin_accounts import AccountsSession, RetryPolicy
from imin_accounts.feed import ChangeFeed, SqliteSnapshots


def memory() -> int:
    """Kilobytes that this process has at most had."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


async def main(base_url: str, path: str, journal: str, *modes: str) -> None:
    """Write what is delivered, for ever or for a round."""
    out = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    retry = RetryPolicy(attempts=50, base=0.001, maximum=0.01)
    once = RetryPolicy(attempts=1)
    async with (
        AccountsSession("test-key", base_url=base_url, retry=once) as session,
        ChangeFeed(session, SqliteSnapshots(path), retry=retry, poll=0.02) as feed,
    ):
        async for update in feed.until_idle() if modes else feed:
            text = base64.b64encode(pickle.dumps((update.customer, getattr(update, "changes", ())))).decode()
            os.write(out, f"begun {text}\n".encode())
            await asyncio.sleep(0)
            os.write(out, b"done\n")
    print(memory())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
