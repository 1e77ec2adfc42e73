"""What the environment says of a session: the only module of the library that reads it."""

import os
from contextlib import suppress
from pathlib import Path

from imin_accounts.errors import InvalidRequest
from imin_accounts.session._key import ApiKey


def api_key() -> ApiKey:
    """The key in ``IMIN_API_KEY``, or in the file that ``IMIN_API_KEY_FILE`` names.

    Raises:
        InvalidRequest: Neither is set, both are, or the file can't be read.
    """
    file = _set("IMIN_API_KEY_FILE")
    if (file is None) == (_set("IMIN_API_KEY") is None):
        raise InvalidRequest("set one of IMIN_API_KEY and IMIN_API_KEY_FILE")
    if file is None:
        return ApiKey(_set("IMIN_API_KEY"))
    with suppress(OSError, UnicodeDecodeError):
        return ApiKey(Path(file).read_text(encoding="utf-8-sig").strip())
    raise InvalidRequest("the file that IMIN_API_KEY_FILE names can't be read")


def base_url() -> str | None:
    """``IMIN_BASE_URL``; None where it is not set."""
    return _set("IMIN_BASE_URL")


def insecure_http() -> bool:
    """Whether ``IMIN_INSECURE_HTTP`` is 1.

    Raises:
        InvalidRequest: It is neither that nor 0: somebody meant something by it.
    """
    value = _set("IMIN_INSECURE_HTTP") or "0"
    if value not in ("0", "1"):
        raise InvalidRequest("IMIN_INSECURE_HTTP must be 1, 0 or not set")
    return value == "1"


def _set(name: str) -> str | None:
    # Empty is not set: an unset variable of a compose file arrives as an empty one.
    return os.environ.get(name) or None
