"""The journal of a run: what was intended, and what certainly came of it, a JSON object a line.

=================  ====================================================================================
``intended``       The account of ``customer`` with ``seller`` is about to be disconnected. The disk
                   has the line before anything is sent.
``disconnected``   It certainly is: ``outcome`` is ``confirmed`` by imin's 204, or ``verified`` by a
                   re-read that showed it so.
``failed``         An attempt ended in ``error``, the error's class. With a ``seller`` its account stays
                   open: it is connected still, or nobody can tell. Without one the customer could not
                   be read.
``unknown``        imin answered the read with 404, and no account of ``customer`` is open. It knows nobody
                   by that identifier, or the address or the identifier is wrong: no proof of anything.
``cleared``        A read of everything that ``customer`` has showed no connected account, and nothing
                   that could not be told: the end of the matter.
=================  ====================================================================================

Each line has ``at``, the time, and ``imin``, the address that was asked. A customer without ``cleared`` is
open, whatever else stands there. Journals of the first version say no address: whom such a line says to be
cleared is asked for again, since nobody can tell where that was so.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from imin_accounts import IminError
from imin_accounts.cli._files import AppendFile, CannotRead, Lines
from imin_accounts.cli._output import safe
from imin_accounts.cli.rows import time_text

_BEGINNING = b'{"at": "'
_EVENTS = {
    "intended": ("customer", "seller"),
    "disconnected": ("customer", "seller"),
    "failed": ("customer",),
    "unknown": ("customer",),
    "cleared": ("customer",),
}


class Journal:
    """A journal to append to; made if there is none.

    Args:
        now: Returns the present as an aware time.
        imin: The address of the API that is asked; None says nothing of it.
        fresh: Whether it has to be new, or empty.

    Attributes:
        disconnected: How many accounts have certainly been disconnected.
        doubtful: How many customers are cleared or unknown by lines that don't say at which address.

    Raises:
        CannotWrite: It can't be opened, or another process is writing to it.
    """

    def __init__(
        self, path: Path, *, now: Callable[[], datetime], imin: str | None = None, fresh: bool = False
    ) -> None:
        self._file = AppendFile(path, fresh=fresh)
        self._now = now
        self._imin = imin
        self._open: dict[str, set[str]] = {}
        self._disconnected = Counter[str]()
        self.disconnected = self.doubtful = 0

    def resume(self) -> Iterator[tuple[str, bool]]:
        """Read it, and cut a torn last line off: to be read to its end before anything is written.

        Yields:
            Customers who are cleared (True) or unknown (False), in the order in which that was found.

        Raises:
            CannotRead: It is no journal, or one of another address. It was not touched.
        """
        with self._file.reading() as file:
            lines = Lines(file)
            try:
                for line in lines:
                    event = _event(line)
                    self._check_address(event)
                    self._apply(event)
                    if event["event"] not in ("cleared", "unknown"):
                        continue
                    if self._imin is not None and "imin" not in event:
                        self.doubtful += 1
                    else:
                        yield event["customer"], event["event"] == "cleared"
                if lines.torn[: len(_BEGINNING)] != _BEGINNING[: len(lines.torn)]:
                    raise ValueError("this was no journal")
            except (ValueError, TypeError, KeyError, RecursionError):  # their texts quote what was found
                reason = f"line {lines.number} is no line of such a journal"
                raise CannotRead(self._file.path, reason) from None
        self._file.cut(lines.end)

    def _check_address(self, event: dict[str, Any]) -> None:
        there = event.get("imin", self._imin)
        if self._imin is not None and there != self._imin:
            other = f"it is of the imin at {safe(str(there))}, not of {self._imin}, which is asked now"
            reason = f"{other}; say --base-url, or begin another journal"
            raise CannotRead(self._file.path, reason)

    def open_sellers(self, customer: str) -> set[str]:
        """With whom the customer may be connected, since nothing certain followed an intention."""
        return set(self._open.get(customer, ()))

    def take_disconnected(self, customer: str) -> int:
        """How many accounts of the customer have certainly been disconnected, since this was asked last."""
        return self._disconnected.pop(customer, 0)

    @property
    def has_open_sellers(self) -> bool:
        """Whether anything certain is still missing after any intention."""
        return any(self._open.values())

    async def intend(self, customer: str, sellers: Iterable[str]) -> None:
        """Write down what is about to be disconnected; returns when the disk has it.

        Raises:
            CannotWrite: Then nothing may be disconnected.
        """
        self._write(*({"event": "intended", "customer": customer, "seller": seller} for seller in sellers))
        await asyncio.to_thread(self._file.sync)

    def disconnect(self, customer: str, seller: str, outcome: str) -> None:
        """Write down a certain disconnection."""
        self._write({"event": "disconnected", "customer": customer, "seller": seller, "outcome": outcome})

    def fail(self, customer: str, seller: str | None, error: IminError) -> None:
        """Write down that nothing certain came of it."""
        of = {} if seller is None else {"seller": seller}
        self._write({"event": "failed", "customer": customer, **of, "error": type(error).__name__})

    def miss(self, customer: str) -> None:
        """Write down that imin knows nobody by this identifier."""
        self._write({"event": "unknown", "customer": customer})

    def clear(self, customer: str) -> None:
        """Write down that nothing of the customer is connected any more."""
        self._write({"event": "cleared", "customer": customer})

    def close(self) -> None:
        """Have the disk keep it, and let others write to it. A second time it does nothing.

        Raises:
            CannotWrite: Such as where another file stands under its name by now.
        """
        if self._file.is_open:
            try:
                self._file.sync()
            finally:
                self._file.close()

    def _write(self, *events: dict[str, str]) -> None:
        here = {"at": time_text(self._now())} | ({} if self._imin is None else {"imin": self._imin})
        lines = (json.dumps({**here, **event}) + "\n" for event in events)
        self._file.append("".join(lines).encode())
        for event in events:
            self._apply(event)

    def _apply(self, event: dict[str, Any]) -> None:
        customer = event["customer"]
        match event["event"]:
            case "intended":
                self._open.setdefault(customer, set()).add(event["seller"])
            case "disconnected":
                self._open.get(customer, set()).discard(event["seller"])
                self.disconnected += 1
                self._disconnected[customer] += 1
            case "cleared":
                self._open.pop(customer, None)


def _event(line: bytes) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(line.decode())
    if not all(isinstance(event[member], str) for member in _EVENTS[event["event"]]):
        raise ValueError("other members")
    return event
