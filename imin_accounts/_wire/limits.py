"""How much a reply may hold besides the API's own form, so that none blocks the event loop.

Any body within a transport's ``max_body`` is read or refused within a second.
"""

import re
from typing import Any

from imin_accounts._models.urls import MAX_HOST
from imin_accounts._models.values import MAX_DEPTH, MAX_VALUES
from imin_accounts.errors import DecodeError

MAX_ODD = 50_000
"""Nodes, and elements of arrays, that the quick readers may leave to slower ones."""
EXACT = 2**63
"""From here on orjson reads integers that need more than 64 bits as floats."""
_HOST = re.compile("(?<=//)[^/?#]*")
SIMPLE = frozenset({str, bool, int})
"""The types of values of which nothing has to be looked at."""


class Budget:
    """What is left of the limits while one document is read.

    Attributes:
        inexact: Whether a value that is kept as received may be an integer that orjson read as a float.
        shares: Whether sellers are looked up among those of other replies, for which they are written as
            bytes: that takes memory, at worst 190 bytes for an empty text.
    """

    inexact = False
    shares = True
    _nodes = MAX_ODD
    _values = MAX_VALUES
    _host = ""

    def take(self, count: int = 1) -> None:
        """Note that one more node, or ``count`` elements of an array, are not of the API's own form.

        Raises:
            DecodeError: There were too many.
        """
        self._take(count, f"at most {MAX_ODD:,} nodes in another form than the API's own, got more")

    def take_link(self, link: str) -> None:
        """Note a link of an origin not met before: to check one takes as long as to read two nodes.

        An international host has to be encoded or decoded: two characters of it take as long as one node. The
        one before is remembered, since a seller's links lead to one host.

        Raises:
            DecodeError: There were too many, and other nodes of those that count.
        """
        found = _HOST.search(link)
        host, before = found[0] if found else "", self._host
        self._host = host
        is_cheap = host == before or (host.isascii() and "xn--" not in host.lower())
        nodes = 2 if is_cheap else 2 + min(len(host), MAX_HOST) // 2
        self._take(nodes, "links to fewer different hosts, international ones above all, got too many")

    def _take(self, count: int, expected: str) -> None:
        self._nodes -= count
        if self._nodes < 0:
            raise DecodeError(f"$: expected {expected}")

    def look_through(self, value: Any, room: int) -> None:
        """Look for floats that should be integers, and note the values passed.

        Args:
            room: How many levels may be at and below ``value``.

        Raises:
            DecodeError: It is nested too deep, or there were too many values.
        """
        kind = type(value)
        if kind is float and not -EXACT < value < EXACT:
            self.inexact = True
        elif kind is dict or kind is list:
            if room == 0:
                raise DecodeError(f"$: expected at most {MAX_DEPTH} levels, got more")
            self._values -= len(value)
            if self._values < 0:
                raise DecodeError(f"$: expected at most {MAX_VALUES:,} values in another form, got more")
            for each in value.values() if kind is dict else value:
                if type(each) not in SIMPLE:
                    self.look_through(each, room - 1)
