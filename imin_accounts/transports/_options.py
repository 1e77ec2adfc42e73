"""What both transports take, refused at once where it is unusable: a call could only fail by it, or worse."""

from yarl import URL

from imin_accounts._models.urls import is_link
from imin_accounts.errors import InvalidRequest

MAX_BODY = 4 * 1024 * 1024
"""Bytes. A reply with 1,000 sellers takes about 1.5 MB; 1 MB of gzip can become 2 GB."""
MAX_ERROR_BODY = 64 * 1024
"""Bytes read of a body that only explains a status."""


def checked_max_body(value: object) -> int:
    """``value``, if that is a number of bytes.

    Raises:
        InvalidRequest: It is no int of at least 1.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest("max_body must be an int of at least 1")
    return value


def checked_proxy(value: object) -> str | None:
    """A proxy's URL as text. Of another scheme, clients send directly to the origin, the API key with it.

    Raises:
        InvalidRequest: It is no absolute http or https URL; the text does not quote it, since it may hold a
            password.
    """
    if value is None:
        return None
    if not isinstance(value, str | URL) or not is_link(str(value)):
        del value
        raise InvalidRequest("proxy must be the http or https URL of a proxy")
    return str(value)
