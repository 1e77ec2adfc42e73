"""imin's notifications: whether a call is imin's, and whose data changed. Pure: for any framework.

API page: "Customer Management", section "Webhooks".
"""

import hmac
from collections.abc import Iterable
from typing import Any, Protocol

import attrs

from imin_accounts._models.node import Private, api_names, names
from imin_accounts._models.urls import customer_in, customer_of
from imin_accounts._models.values import NOTHING_EXTRA, Extra, extra, step
from imin_accounts._wire.parsing import TEXT, parse
from imin_accounts._wire.requests import BASE_URL, accounts_request
from imin_accounts.errors import DecodeError, InvalidRequest, NotificationRefused

MAX_BODY = 65_536
"""Bytes of a body that is read at most. The documented one has 145."""


class WithItems(Protocol):
    """A mapping, or what is nearly one, such as the headers of ``http.server``."""

    def items(self) -> Iterable[tuple[Any, Any]]: ...


Headers = WithItems | Iterable[tuple[Any, Any]]


@attrs.frozen(kw_only=True, field_transformer=api_names)
class Notification:
    """imin says that a customer's data changed: never what, and one may stand for several changes.

    The repr hides whose.

    Attributes:
        customer: The identifier, for ``get_seller_accounts`` or ``ChangeFeed.note``.
        id: The document's ``@id`` as received: the customer's own URL, so it does not tell one notification
            from the next. None where it is absent.
        type: Its class, ``"CustomerAccount"``.
        extra: Members without a field.
    """

    customer: Private
    id: Private | None = None
    type: str | None = None
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False, metadata=names(), converter=extra)


def read_notification(headers: Headers, body: bytes | str, *, key: str | Iterable[str]) -> Notification:
    """Read a call to the URL that imin notifies: check whose it is, then whom it is about.

    Args:
        headers: The request's, with a mapping's ``items()`` or as pairs; names in any case, text or bytes.
        body: The request's, whole.
        key: What ``X-Api-Key`` must be, as agreed with imin; not your own key. Several while they rotate.

    Returns:
        Whose data changed. Answer 204 once that is noted for good.

    Raises:
        NotificationRefused: No key, or a wrong one. Answer 401.
        DecodeError: The body can't be read, holds a number beyond what Python does, names nobody or two
            customers, or is over 65,536 bytes long. Answer 400.
        InvalidRequest: ``key`` is empty or can't be a key, or ``headers`` are neither.

    API page: "Customer Management", section "Webhooks".
    """
    refusal = _refusal(headers, key)
    del headers, key  # else a traceback that captures locals would show them
    notification, problem = _read(body) if refusal is None else (None, "")
    del body
    if refusal is not None:
        raise refusal
    if notification is None:
        raise DecodeError(problem)
    return notification


def _refusal(headers: Headers, key: str | Iterable[str]) -> InvalidRequest | NotificationRefused | None:
    """Why not, returned and not raised: a traceback that captures locals would show the keys."""
    try:
        expected = [_usable(each) for each in ([key] if isinstance(key, str) else key)]
    except Exception:  # noqa: BLE001 - an iterable's own too
        expected = []
    if not expected:
        return InvalidRequest("key must be printable ASCII without spaces, not empty; or several of the kind")
    try:
        pairs: Any = headers.items() if hasattr(headers, "items") else headers
        sent = [_bytes(value).strip(b" \t") for name, value in pairs if _bytes(name).lower() == b"x-api-key"]
    except Exception:  # noqa: BLE001 - an iterable's own too
        return InvalidRequest("headers must be a mapping or pairs, of text or bytes")
    # Every key is compared with every other, so that the time taken does not tell which one is near.
    found = [sum(hmac.compare_digest(each, other) for other in expected) for each in sent]
    if found and all(found):
        return None
    return NotificationRefused("the notification does not carry the agreed key")


def _usable(key: str) -> bytes:
    if not isinstance(key, str) or not key or not all("!" <= each <= "~" for each in key):
        raise ValueError
    return key.encode()


def _bytes(text: object) -> bytes:
    if isinstance(text, bytes | bytearray | memoryview):
        return bytes(text)
    if not isinstance(text, str):
        raise TypeError
    return text.encode(errors="surrogatepass")


def _read(body: Any) -> tuple[Notification | None, str]:
    if not isinstance(body, TEXT):
        return None, f"$: expected JSON text, got {type(body).__name__}"
    data = body.encode(errors="surrogatepass") if isinstance(body, str) else bytes(body)
    if len(data) > MAX_BODY:
        return None, f"$: expected at most {MAX_BODY:,} bytes, got {len(data):,}"
    try:
        document, unheld = parse(data)
    except DecodeError as error:
        return None, str(error)
    if unheld:
        return (
            None,
            f"${''.join(map(step, unheld[0]))}: expected a number that Python holds, got another",
        )
    if type(document) is not dict:
        return None, "$: expected object, got something else"
    return _notification(document)


def _notification(document: dict[str, Any]) -> tuple[Notification | None, str]:
    identifier, *ids = (document.get(key) for key in ("identifier", "@id", "id"))
    if not all(isinstance(each, str | None) for each in (identifier, *ids)):
        return None, "$: expected strings as identifiers, got something else"
    id, type_ = ids[0] or ids[1], document.get("@type", document.get("type"))
    # Their own URL, or that of their accounts. The latter first: it may end with "/customers/accounts".
    named: set[Any] = {identifier, *(customer_in(each) or customer_of(each) for each in ids if each)} - {None}
    if len(named) != 1:
        return None, "$: expected one customer, got " + ("several" if named else "none")
    (customer,) = named
    members = {key: each for key, each in document.items() if key not in _KNOWN}
    try:
        accounts_request(BASE_URL, customer)
        kind = type_ if isinstance(type_, str) else None
        return Notification(customer=customer, id=id, type=kind, extra=members), ""
    except InvalidRequest as error:
        return None, f"$: {error}"


_KNOWN = {"@context", "@id", "id", "@type", "type", "identifier"}
