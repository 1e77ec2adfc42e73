"""imin's notifications: whether a call is imin's, and whose data changed. Pure: for any framework.

API page: "Customer Management", section "Webhooks".
"""

import hmac
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from imin_accounts._models.node import Private, api_names, names
from imin_accounts._models.urls import customer_in, customer_of
from imin_accounts._models.values import NOTHING_EXTRA, Extra, extra, step
from imin_accounts._wire.parsing import TEXT, parse
from imin_accounts._wire.requests import BASE_URL, accounts_request
from imin_accounts.errors import DecodeError, InvalidRequest, NotificationRefused

MAX_BODY = 65_536
"""Bytes of a body that is read at most. The documented one has 145."""

Headers = Mapping[Any, Any] | Iterable[tuple[Any, Any]]


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
        headers: The request's, as a mapping or as pairs; names in any case, text or bytes.
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
    try:
        is_imin = _is_accepted(headers, key)
    finally:
        del headers, key  # else a traceback that captures locals would show them
    notification, problem = _read(body) if is_imin else (None, "")
    del body
    if not is_imin:
        raise NotificationRefused("the notification does not carry the agreed key")
    if notification is None:
        raise DecodeError(problem)
    return notification


def _is_accepted(headers: Headers, key: str | Iterable[str]) -> bool:
    keys = [key] if isinstance(key, str) else [*key] if isinstance(key, Iterable) else []
    usable = bool(keys) and all(isinstance(each, str) and _is_key(each) for each in keys)
    expected = [each.encode() for each in keys] if usable else []
    del key, keys
    if not usable:
        raise InvalidRequest("key must be printable ASCII without spaces, not empty; or several of the kind")
    pairs: Any = headers.items() if isinstance(headers, Mapping) else headers
    try:
        sent = [_bytes(value).strip(b" \t") for name, value in pairs if _bytes(name).lower() == b"x-api-key"]
    except Exception:  # noqa: BLE001 - whatever it is, its frames hold what was sent
        sent = None
    if sent is None:
        del headers, pairs, expected
        raise InvalidRequest("headers must be a mapping or pairs, of text or bytes")
    # Every key is compared with every other, so that the time taken does not tell which one is near.
    found = [sum(hmac.compare_digest(each, other) for other in expected) for each in sent]
    return bool(found) and all(found)


def _is_key(text: str) -> bool:
    return bool(text) and all("!" <= each <= "~" for each in text)


def _bytes(text: object) -> bytes:
    if isinstance(text, bytes):
        return text
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
