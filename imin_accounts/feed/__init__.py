"""What changed, at least once: notes become reads, reads become updates, updates move snapshots on.

``_feed`` has what is called, ``_due`` says who is read next, ``_snapshots`` is the protocol of what remembers
customers and notes, with what is remembered of one, ``_sqlite`` the embedded one.
"""

from imin_accounts.feed._feed import ChangeFeed, Update
from imin_accounts.feed._snapshots import Claim, Snapshot, Snapshots
from imin_accounts.feed._sqlite import SqliteSnapshots

__all__ = ["ChangeFeed", "Claim", "Snapshot", "Snapshots", "SqliteSnapshots", "Update"]
