"""Transports: what moves bytes. ``Transport`` is the protocol, ``AiohttpTransport`` the usual one."""

from imin_accounts.transports.aiohttp import AiohttpTransport
from imin_accounts.transports.base import Headers, Request, Response, Transport

__all__ = ["AiohttpTransport", "Headers", "Request", "Response", "Transport"]
