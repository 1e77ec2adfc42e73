"""Signed tokens that are good in one browser only: for forms (CSRF) and for the way back from a seller."""

from collections.abc import Sequence

from itsdangerous import BadData, URLSafeTimedSerializer


class Tokens:
    """Gives tokens and reads them back.

    The key of each signature is derived from the purpose and from the browser's cookie too, so a token
    carries neither, and is worth nothing elsewhere.

    Args:
        secret: Signs everything. The same in every process of a site, and from one start to the next.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def give(self, purpose: str, browser: str, *values: str) -> str:
        """A token that holds ``values``: unchangeable, but legible to whoever sees it."""
        return self._serializer(purpose, browser).dumps(values)

    def read(self, purpose: str, browser: str, token: str, *, max_age: int) -> Sequence[str] | None:
        """The values of a token; None where it is not this browser's, or over ``max_age`` seconds old."""
        try:
            values: Sequence[str] = self._serializer(purpose, browser).loads(token, max_age=max_age)
        except BadData:
            return None
        return values

    def _serializer(self, purpose: str, browser: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._secret, salt=f"{purpose}:{browser}", signer_kwargs={"key_derivation": "hmac"}
        )
