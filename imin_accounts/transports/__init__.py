"""Transports: what moves bytes. ``Transport`` is the protocol, ``AiohttpTransport`` the usual one.

``PyreqwestTransport`` is loaded when it is asked for, since it needs the extra ``[pyreqwest]``.
"""

from typing import TYPE_CHECKING, Any

from imin_accounts.transports.aiohttp import AiohttpTransport
from imin_accounts.transports.base import Headers, Request, Response, Transport

if TYPE_CHECKING:
    from imin_accounts.transports.pyreqwest import PyreqwestTransport as PyreqwestTransport

__all__ = ["AiohttpTransport", "Headers", "Request", "Response", "Transport"]


def __getattr__(name: str) -> Any:
    if name != "PyreqwestTransport":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from imin_accounts.transports.pyreqwest import PyreqwestTransport

    return PyreqwestTransport


def __dir__() -> list[str]:
    return [*globals(), "PyreqwestTransport"]
