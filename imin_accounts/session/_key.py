"""The API key as an opaque value: it can order places and read customers' data, so it never shows."""

from typing import Any

MAX_LENGTH = 4096  # characters; far above any key, far below what servers refuse as a header


class ApiKey:
    """A key that shows, logs and pickles as ``***``.

    Building one never raises: a traceback that captures locals would show the text in the frame that
    raised. ``fault`` says what is wrong with it, and the caller raises once the text is out of reach.
    """

    __slots__ = ("_text", "fault")

    def __init__(self, text: object) -> None:
        self.fault = _fault(text)
        self._text: object = text._text if isinstance(text, ApiKey) else text if self.fault is None else None

    def reveal(self) -> str:
        """The text, for the header of a request that is about to be sent."""
        assert isinstance(self._text, str)
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and self._text == other._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> tuple[Any, ...]:
        return (ApiKey, (None,))


def _fault(text: object) -> str | None:
    if isinstance(text, ApiKey):
        return text.fault
    if not isinstance(text, str):
        return "the API key must be a str (one that was pickled has lost its text)"
    if not text:
        return "the API key is empty"
    if len(text) > MAX_LENGTH:
        return f"the API key is over {MAX_LENGTH} characters long"
    if not all("!" <= character <= "~" for character in text):
        return "the API key may hold printable ASCII without spaces only"
    return None
