"""Saved replies, to be sent as they are: whom one is about, and what becomes of it by a disconnection."""

import json
from collections.abc import Mapping
from typing import Any

from imin_accounts._models.urls import customer_in
from imin_accounts.models import CONNECTED_ONLY

__all__ = ["customer_of", "disconnected", "text_of_reply"]


def text_of_reply(reply: bytes | str | Mapping[str, Any]) -> str:
    """The JSON text of a reply.

    Raises:
        ValueError: It is no JSON.
    """
    if isinstance(reply, Mapping):
        return json.dumps(reply)
    try:
        text = reply.decode("utf-8-sig") if isinstance(reply, bytes) else reply
        json.loads(text.encode())
    except (ValueError, RecursionError):
        pass
    else:
        return text
    raise ValueError("the reply is not JSON")  # out here: the parser's error holds the whole text


def customer_of(text: str) -> str | None:
    """Whom a reply is about, as its ``@id`` says; None where that names nobody."""
    document = json.loads(text)
    id = document.get("@id", document.get("id")) if isinstance(document, dict) else None
    return customer_in(id) if isinstance(id, str) else None


def disconnected(text: str, seller: str) -> str | None:
    """A reply after the account with ``seller`` was disconnected; None where it has no such connected one."""
    document = json.loads(text)
    items = document.get("imin:item") if isinstance(document, dict) else None
    items = items if isinstance(items, list) else []
    for at, item in enumerate(items):
        if isinstance(item, dict) and not CONNECTED_ONLY.isdisjoint(item) and _seller_of(item) == seller:
            rest = {key: value for key, value in item.items() if key not in CONNECTED_ONLY}
            items[at] = {**rest, "imin:matchingEmailExists": True}
            return json.dumps(document)
    return None


def _seller_of(item: Mapping[str, Any]) -> object:
    seller = item.get("seller")
    return seller.get("@id", seller.get("id")) if isinstance(seller, dict) else seller
