"""A fault as a table row, and the ways in which it can strike."""

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs

from tests.proofs.faults import steps
from tests.proofs.faults.events import Ends, Event
from tests.proofs.faults.server import RIGHT, AccountsRequest, FaultServer, Plan, Script, Turn


@attrs.frozen(kw_only=True)
class Target:
    """Where a call goes, if not to the fault server over plain HTTP.

    Attributes:
        base_url: Goes to the session as it is.
        transport: Arguments for the transport.
        time_passes: Whether the clock is put forward all the time, for faults in which only the client acts.
    """

    base_url: str
    transport: dict[str, Any] = attrs.Factory(dict)
    time_passes: bool = False


@attrs.frozen
class Fault:
    """One row of the catalogue.

    Attributes:
        name: Unique; it is the request's path.
        event: The row of the specification's table that says how calls end.
        script: What the server does instead of answering; empty: it answers rightly.
        on_delete: The row for DELETE, where the same bytes are another event there.
        status: The ``status`` of the error, where there is one.
        retry_after: The ``retry_after`` of the error.
        timeout: Seconds for the whole call.
        before: What a GET of the same session meets earlier.
        greeting: What a connection meets that said nothing yet.
        tls: The server's TLS context, if it has one.
        target: Opens another target than the fault server's URL; None where that is the target.
    """

    name: str
    event: Event
    script: Script = ()
    on_delete: Event | None = None
    status: int | None = attrs.field(default=None, kw_only=True)
    retry_after: float | None = attrs.field(default=None, kw_only=True)
    timeout: float = attrs.field(default=600.0, kw_only=True)
    before: Script = attrs.field(default=(), kw_only=True)
    greeting: Script = attrs.field(default=(), kw_only=True)
    tls: Callable[[], ssl.SSLContext] | None = attrs.field(default=None, kw_only=True)
    target: Callable[[FaultServer], AbstractAsyncContextManager[Target]] | None = attrs.field(
        default=None, kw_only=True
    )


@attrs.frozen
class Mode:
    """A way in which a fault strikes: a column of the table.

    Attributes:
        method: Whose requests it strikes.
        call: Which call is made.
        first_only: Strike the first such request alone.
        processed: DELETE is processed before the fault strikes.
    """

    column: str
    method: str
    call: str
    first_only: bool = False
    processed: bool = False

    def event(self, fault: Fault) -> Event:
        """The row that ``fault`` belongs to when it strikes this way."""
        return fault.on_delete or fault.event if self.method == "DELETE" else fault.event

    def ends(self, fault: Fault) -> Ends | None:
        ends: Ends | None = getattr(self.event(fault), self.column)
        return ends

    def plan(self, fault: Fault) -> Plan:
        """What each request meets while ``fault`` strikes this way."""
        ends = self.ends(fault)
        assert ends is not None
        processed = self.processed or (
            self.method == "DELETE" and ends.outcome == "confirmed" and ends.deletes == 1
        )

        def plan(seen: AccountsRequest) -> Turn:
            nth = seen.nth
            if fault.before and seen.method == "GET":
                if nth == 1:
                    return Turn(script=fault.before)
                nth -= 1
            if self.column == "re_read" and seen.method == "DELETE":
                return Turn(script=(steps.close,))
            if seen.method != self.method or (self.first_only and nth > 1):
                return RIGHT
            return Turn(processed=processed, script=fault.script)

        return plan


MODES = (
    Mode("get", method="GET", call="GET"),
    Mode("get_once", method="GET", call="GET", first_only=True),
    Mode("delete", method="DELETE", call="DELETE"),
    Mode("delete_once", method="DELETE", call="DELETE", first_only=True),
    Mode("delete_processed", method="DELETE", call="DELETE", processed=True),
    Mode("re_read", method="GET", call="DELETE"),
)
