"""Replies as the service gives them, errors in every body shape known of it."""

import json
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from imin_accounts.transports.base import Response

__all__ = ["ErrorBody", "as_kept", "document", "error", "no_content", "redirect"]

OPENACTIVE = "application/vnd.openactive.booking+json; version=1"

_BODILESS = {204, 205, 304}


class ErrorBody(StrEnum):
    """How an error reply words itself. None of it is documented; all of it has been seen somewhere.

    The first four come from imin's pages and public code; the rest are what a gateway or a proxy
    puts in their place.
    """

    OPENACTIVE = "openactive"
    NESTED = "nested"
    BARE = "bare"
    MESSAGE = "message"
    PROBLEM = "problem"
    EMPTY = "empty"
    HTML = "html"


def document(value: Any) -> Response:
    """200 with a JSON body."""
    return Response(status=200, headers={"content-type": "application/json"}, body=_json(value))


def as_kept(text: str) -> Response:
    """200 with a JSON body that is text already."""
    return Response(status=200, headers={"content-type": "application/json"}, body=text.encode())


def no_content() -> Response:
    """204, without a body."""
    return Response(status=204, headers={}, body=b"")


def redirect(location: str, *, status: int = 302) -> Response:
    """A redirect to ``location``."""
    return Response(status=status, headers={"location": location}, body=b"")


def error(
    status: int,
    body: ErrorBody,
    *,
    type: str | None = None,
    description: str | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """An error reply.

    Args:
        status: The HTTP status, 200 to 599.
        body: The shape of the body; empty anyway where the status allows none.
        type: The error's class; made up from the status where None.
        description: Its details; made up where None.
        headers: Fields to send beside the content type, names in lower case.
    """
    name = _phrase(status)
    type = type or name.title().replace(" ", "").replace("-", "") + "Error"
    description = description or f"The emulator was asked to answer {status}."
    media, content = _WRITERS[ErrorBody.EMPTY if status in _BODILESS else body](
        status, name, type, description
    )
    fields = {**({"content-type": media} if media else {}), **headers}
    return Response(status=status, headers=fields, body=content)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _openactive(status: int, name: str, type: str, description: str) -> tuple[str, bytes]:
    members = {
        "@context": "https://openactive.io/",
        "@type": type,
        "name": name,
        "description": description,
        "statusCode": status,
    }
    return OPENACTIVE, _json(members)


def _nested(status: int, name: str, type: str, description: str) -> tuple[str, bytes]:
    return "application/json", _json({"error": {"type": type, "details": [description]}})


def _bare(status: int, name: str, type: str, description: str) -> tuple[str, bytes]:
    return "application/json", _json({"error": name})


def _message(status: int, name: str, type: str, description: str) -> tuple[str, bytes]:
    return "application/json", _json({"message": description})


def _problem(status: int, name: str, type: str, description: str) -> tuple[str, bytes]:
    members = {"type": "about:blank", "title": name, "status": status, "detail": description}
    return "application/problem+json", _json(members)


def _empty(status: int, name: str, type: str, description: str) -> tuple[str, bytes]:
    return "", b""


def _html(status: int, name: str, type: str, description: str) -> tuple[str, bytes]:
    page = f"<!doctype html><title>{status} {name}</title><h1>{status} {name}</h1>"
    return "text/html; charset=utf-8", page.encode()


_WRITERS = {
    ErrorBody.OPENACTIVE: _openactive,
    ErrorBody.NESTED: _nested,
    ErrorBody.BARE: _bare,
    ErrorBody.MESSAGE: _message,
    ErrorBody.PROBLEM: _problem,
    ErrorBody.EMPTY: _empty,
    ErrorBody.HTML: _html,
}
