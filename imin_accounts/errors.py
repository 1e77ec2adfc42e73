"""Every error that this package raises, as one tree.

::

    IminError
     ├── InvalidRequest (also ValueError)      refused before a byte was sent
     ├── SessionStateError                     the session is not open here
 ├── NotificationRefused                   a notification without the agreed key: answer 401
     ├── SnapshotsError                        a feed's memory: full, in use, of a newer version
 ├── TransportError                        no reply: maybe_sent says what that means
     ├── DeadlineExceeded (also TimeoutError)  the call's own time ran out
     ├── OutcomeUnknown                        a DELETE that nobody can vouch for
     ├── ResponseError                         imin answered with an error status
     │    ├── AuthenticationError              401, 403
     │    ├── NotFound                         404
     │    └── RateLimited                      429
     └── UnexpectedResponse                    a reply that the API does not document
          ├── DecodeError                      not the documented JSON-LD
          └── WrongCustomer                    somebody else's data

Errors are plain data. They pickle, they chain nothing, and what they print never holds the API key,
an identifier, an address or a word of a reply: those may be personal data or secrets.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

__all__ = [
    "Attempt",
    "AuthenticationError",
    "DeadlineExceeded",
    "DecodeError",
    "IminError",
    "InvalidRequest",
    "NotFound",
    "NotificationRefused",
    "OutcomeUnknown",
    "Problem",
    "RateLimited",
    "ResponseError",
    "SessionStateError",
    "SnapshotsError",
    "TransportError",
    "UnexpectedResponse",
    "WrongCustomer",
]


@attrs.frozen(kw_only=True)
class Attempt:
    """One request that the session made, or tried to make. Holds no identifier and no secret.

    Attributes:
        method: ``"GET"`` or ``"DELETE"``.
        url_template: The route, with its parameter unfilled.
        resend_count: Requests of the same call before this one; 0 for the first.
        status: The reply's status; None where there was no reply.
        error_type: A short word for what went wrong (``"refused"``, ``"timeout"``, ``"500"``,
            ``"WrongCustomer"``, …); None where nothing did.
        maybe_sent: Whether the request may have reached imin.
        seconds: How long the attempt took, waits before it left out.
        response_bytes: Size of the decoded body; None where there was no reply.
    """

    method: str
    url_template: str
    resend_count: int
    status: int | None = None
    error_type: str | None = None
    maybe_sent: bool = True
    seconds: float = 0.0
    response_bytes: int | None = None

    @property
    def attributes(self) -> dict[str, str | int]:
        """The attempt under OpenTelemetry's names for HTTP clients; what is None is left out.

        See https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
        """
        named = {
            "http.request.method": self.method,
            "url.template": self.url_template,
            "http.request.resend_count": self.resend_count or None,
            "http.response.status_code": self.status,
            "error.type": self.error_type,
            "http.response.body.size": self.response_bytes,
        }
        return {name: value for name, value in named.items() if value is not None}


@attrs.frozen(kw_only=True)
class Problem:
    """What an error reply says of itself, read leniently from any of the known body shapes.

    Attributes:
        type: The error's class, e.g. ``"NotFoundError"``, or an RFC 9457 ``type``; None if not given.
        name: Its title; None if not given.
        description: Its details; None if not given.
        instance: Where this occurrence has a URL of its own; None if not given.

    The four may quote the request, so none is printed and a pickle leaves them out.
    """

    type: str | None = attrs.field(default=None, repr=False)
    name: str | None = attrs.field(default=None, repr=False)
    description: str | None = attrs.field(default=None, repr=False)
    instance: str | None = attrs.field(default=None, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Problem, ())


class IminError(Exception):
    """The root of every error here.

    Attributes:
        attempts: What happened in each attempt of the call, in order; ``()`` where none was made.
    """

    attempts: tuple[Attempt, ...] = ()

    def __init__(self, message: str = "") -> None:
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[IminError], args: tuple[Any, ...], state: dict[str, Any]) -> IminError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidRequest(IminError, ValueError):
    """An argument can't be sent as it is. Nothing was sent. The text never shows the argument."""


class SessionStateError(IminError):
    """The session is not open here: unopened, closed, of another event loop or another process."""


class NotificationRefused(IminError):
    """A call that says it is imin's does not carry the agreed key. Answer 401, and do nothing."""


class SnapshotsError(IminError):
    """What a feed remembers can't be read or written. Nothing of it was lost, and nothing was taken for done.

    Attributes:
        reason: ``"newer"``: a newer release wrote it. ``"full"``: there is no room. ``"in use"``: another
            feed has it. ``"busy"``: another program writes in it, and does not end. ``"damaged"``: it is not
            what it should be. ``"gone"``: another file, or none, has its name. ``"closed"``: it is not
            open here. ``"failed"``: anything else; the text says what, as far as the system does.
    """

    def __init__(self, reason: str, cause: str = "") -> None:
        super().__init__(f"the snapshots {_FAULTS.get(reason, _FAULTS['failed'])}{cause and ': ' + cause}")
        self.reason: str = reason if reason in _FAULTS else "failed"


_FAULTS = {
    "newer": "are of a newer version: use the release that wrote them, or a later one",
    "full": "can't be written: there is no room",
    "in use": "are in use by another feed: one at a time delivers changes, any number may note",
    "busy": "are locked: another program has kept a transaction open in their file",
    "damaged": "can't be read: this is no file of snapshots, or it is damaged",
    "gone": "are gone: their file, or one beside it, was removed or replaced while it was open",
    "closed": "are not open: use `async with ChangeFeed(...)`",
    "failed": "can't be read or written",
}


class TransportError(IminError):
    """No usable reply came.

    Attributes:
        reason: A short word: ``"refused"``, ``"dns"``, ``"tls"``, ``"connect"``, ``"connect timeout"``,
            ``"timeout"``, ``"dropped"``, ``"malformed"``, ``"too large"`` or the transport's own.
            Whatever is not a short word (an exception's text may quote the URL) becomes ``"other"``.
        maybe_sent: False only where the request certainly did not reach imin.
    """

    def __init__(self, reason: str, *, maybe_sent: bool) -> None:
        reason = reason if re.fullmatch(r"[A-Za-z][A-Za-z_ -]{0,39}", reason) else "other"
        fate = "may have been sent" if maybe_sent else "was not sent"
        super().__init__(f"no reply ({reason}); the request {fate}")
        self.reason = reason
        self.maybe_sent = maybe_sent


class DeadlineExceeded(IminError, TimeoutError):
    """The call's whole time ran out: key, waits, attempts and sleeps together.

    Attributes:
        timeout: The call's time in seconds.
        maybe_sent: Whether any attempt may have reached imin.
    """

    def __init__(self, timeout: float, *, maybe_sent: bool) -> None:
        fate = "a request may have been sent" if maybe_sent else "nothing was sent"
        super().__init__(f"the call could not end within its deadline of {timeout:g} s; {fate}")
        self.timeout = timeout
        self.maybe_sent = maybe_sent


class OutcomeUnknown(IminError):
    """A DELETE may or may not have disconnected the account, and no re-read could tell.

    Ask again later with a GET: only a reply that shows the account settles it.
    """

    maybe_sent = True

    def __init__(self, cause: str) -> None:
        super().__init__(f"the account may or may not be disconnected ({cause})")
        self.cause = cause


class ResponseError(IminError):
    """imin answered with an error status.

    Attributes:
        status: The HTTP status.
        problem: What the body says; its members are None where it says nothing.
        headers: The few reply headers that are safe to keep, names in lower case.
        retry_after: Seconds that imin asked to wait, counted from the reply; None if it did not.
        request_id: What imin's support can find the request by, from the reply's body or headers: a
            token of up to 128 characters; None if not given.
    """

    def __init__(
        self,
        status: int,
        *,
        problem: Problem | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        retry_after: float | None = None,
        request_id: str | None = None,
        note: str = "",
    ) -> None:
        wait = "" if retry_after is None else f", retry after {retry_after:g} s"
        super().__init__(f"imin answered {status}{wait}{note and '; ' + note}")
        self.status = status
        self.problem: Problem = problem or Problem()
        self.headers: dict[str, str] = dict(headers)
        self.retry_after = retry_after
        self.request_id = request_id

    @property
    def instance(self) -> str | None:
        """Where this occurrence has a URL of its own, as the body says; None if it does not."""
        return self.problem.instance


class AuthenticationError(ResponseError):
    """401 or 403: the API key is missing, wrong, or not allowed to do this."""


class NotFound(ResponseError):
    """404: imin knows no such customer or account."""


class RateLimited(ResponseError):
    """429: too many requests, or a call that could not outlast the session's hold.

    Where ``attempts`` is empty nothing was sent: the whole session was being held back, and the
    call's deadline would have passed first. From ``get_many`` and ``delete_many`` it comes where imin let
    nobody through for 15 minutes.
    """


class UnexpectedResponse(IminError):
    """A reply that the API does not document: a redirect, an odd status, an unreadable body.

    Attributes:
        status: The HTTP status; None where a document was read that came without one.
    """

    status: int | None

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class DecodeError(UnexpectedResponse):
    """A document is not the documented JSON-LD.

    Attributes:
        problems: One sentence each, with a JSON path, what was expected and what was found; never
            the value found.
    """

    def __init__(self, *problems: str, status: int | None = None) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0] if problems else 'unreadable'}{more}", status=status)
        self.problems = problems


class WrongCustomer(UnexpectedResponse):
    """The reply is about another customer than the one asked for. Its data was dropped."""
