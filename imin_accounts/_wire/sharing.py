"""The replies of many customers repeat the same sellers: one object stands for one document of a seller.

A seller met for the first time leaves only its id behind, since it may never come again; met for the second
time it is remembered with its document. Documents are compared as bytes: their dicts would be equal with 1
for true, and slower to compare.
"""

from contextlib import suppress
from typing import Any

import orjson

from imin_accounts._wire.limits import Budget
from imin_accounts._wire.quick import UNLIKE, Reader
from imin_accounts.models import Seller

MAX_SHARED = 1024
"""Sellers that are remembered."""
MAX_SHARING = 2**20
"""Bytes of a reply whose sellers are shared at most."""


def shared(read: Reader) -> Reader:
    """``read``, a reader of sellers, but where the same document was met before."""

    def read_shared(document: Any, budget: Budget) -> Any:
        if not budget.shares:
            return read(document, budget)
        try:
            found = _sellers.get(document.get("@id") or document["id"])
            if found is not None and found[0] == orjson.dumps(document):
                return found[1]
        except UNLIKE:  # no object, no identifier, or an integer beyond 64 bits
            return read(document, budget)
        seller = read(document, budget)
        if budget.inexact:  # the document is about to be read again, with other numbers
            return seller
        if seller.id in _met:
            with suppress(TypeError):  # an integer beyond 64 bits
                _sellers[seller.id] = (orjson.dumps(document), seller)
        else:
            if len(_met) >= MAX_SHARED:
                _met.clear()
                _sellers.clear()
            _met.add(seller.id)
        return seller

    return read_shared


_met: set[str] = set()
"""The ids of sellers met since both were last emptied."""
_sellers: dict[str, tuple[bytes, Seller]] = {}
"""By id, those met more than once: the document, as bytes, and the object that stands for it."""
