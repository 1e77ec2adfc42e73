"""What changes for a customer at a seller, and the notifications of it, for ``/_emulator/``.

====  =================================  =================================================================
POST  ``/_emulator/disconnect``          the seller disconnects ``{"customer": …, "seller": …}``
POST  ``/_emulator/change-account``      likewise, with any of ``email``, ``hidden_entitlements``,
                                         ``access_pass``, ``entitlements``, ``evidence``, ``update_errors``
POST  ``/_emulator/set-evidence``        likewise, with ``entitlement`` (its ``@id``) and ``status``
POST  ``/_emulator/take-notifications``  ``[{"headers": …, "body": …}, …]`` since the last time
====  =================================  =================================================================
"""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from imin_accounts.fake._service import Service
from imin_accounts.fake._validation import objects_of, refuse_deep, text_of
from imin_accounts.models import ActionStatus

__all__ = ["routes"]

_LISTS = ("entitlements", "evidence", "update_errors")


def routes(service: Service) -> Iterable[tuple[str, str, Callable[[Any], Any], bool]]:
    """Method, name, what it does, and whether that takes the request's body, of each."""

    def disconnect(body: Any) -> None:
        pair = _pair(body)
        _only(body)
        if not service.disconnect(*pair):
            raise ValueError("there is no such connected account")

    def change_account(body: Any) -> None:
        pair = _pair(body)
        refuse_deep(body)
        changes = {name: value for name, value in body.items() if name not in ("customer", "seller")}
        changes |= {name: objects_of(body, name, "$") for name in _LISTS if name in body}
        service.change_account(*pair, **changes)

    def set_evidence(body: Any) -> None:
        pair = _pair(body)
        _only(body, "entitlement", "status")
        status = ActionStatus(text_of(body, "status", "$"))
        service.set_evidence(*pair, text_of(body, "entitlement", "$"), status)

    def take(_: object) -> list[dict[str, Any]]:
        calls = service.take_notifications()
        return [{"headers": call.headers, "body": orjson.loads(call.body)} for call in calls]

    yield "POST", "disconnect", disconnect, True
    yield "POST", "change-account", change_account, True
    yield "POST", "set-evidence", set_evidence, True
    yield "POST", "take-notifications", take, False


def _pair(body: Any) -> tuple[str, str]:
    return text_of(body, "customer", "$"), text_of(body, "seller", "$")


def _only(body: dict[str, Any], *names: str) -> None:
    for name in body.keys() - {"customer", "seller", *names}:
        raise ValueError(f"$: there is no member {name!r}")
