"""Rows that end differently over ``PyreqwestTransport``, and why: a type does, no promise."""

from collections.abc import Iterable

import attrs

from tests.proofs.faults.events import (
    LOST,
    LOST_UNREAD,
    ODD,
    OUT_OF_TIME_UNREAD,
    UNREADABLE,
    WELL,
    Event,
)
from tests.proofs.faults.fault import Fault

LEFT_OUT = {
    # It takes no resolver: names are looked up where nothing can be put in.
    "name-unknown",
    "name-server-down",
    "name-server-silent",
    "name-without-address",
    "resolver-out-of-files",
    "name-server-silent-short-of-time",
    # The time for connecting is its thread's own, and the clock of this proof does not reach there; see
    # ``test_a_host_that_does_not_answer_was_not_sent_anything``.
    "tls-handshake-stalled",
    # hyper writes before it reads: whether the server reads the request before it sees the end is chance.
    "tls-banner-with-handshake",
    # The reply ends with its head; which request the time that passes then strikes is chance.
    "status-101-and-nothing-more",
}

OTHER_EVENTS: dict[str, Event] = {
    # hyper drops what follows a 204; the field that announced it shows.
    "status-204-body-at-once": ODD,
    "status-204-chunked-at-once": ODD,
    # It reads heads of up to 400 kB, but of 100 fields at most (two are in the reply without the fault),
    # and neither NUL nor a folded field.
    "status-line-100-kb": UNREADABLE,
    "header-100-kb": WELL,
    "headers-100": LOST,
    "reason-with-nul": LOST,
    "header-folded": LOST,
    "chunk-extension-100-kb": LOST,
    # RFC 9110, 8.6: a length given twice as the same is one.
    "length-twice-the-same": WELL,
    # An encoding that nobody asked for is left as it is.
    "brotli-announced": UNREADABLE,
    # As in LEFT_OUT: the session's time is over first.
    "syn-dropped": LOST_UNREAD,
    "syn-dropped-short-of-time": OUT_OF_TIME_UNREAD,
}

ON_DELETE = {"headers-100": WELL}
"""Where the bytes are another event there: a 204 has no further fields."""


def over_pyreqwest(faults: Iterable[Fault]) -> list[Fault]:
    """The catalogue as it is over this transport."""
    return [
        attrs.evolve(
            fault, event=OTHER_EVENTS[fault.name], on_delete=ON_DELETE.get(fault.name, fault.on_delete)
        )
        if fault.name in OTHER_EVENTS
        else fault
        for fault in faults
        if fault.name not in LEFT_OUT
    ]
