"""The seller's pages: log in or register, consent or decline, and how a visit can end. No I/O, no state.

They are Jinja2 templates, which escape whatever is not theirs, and need the extra ``[emulator]``; the
rest of the emulator does not. Plain forms, no JavaScript and no cookie: all that a form goes by is the
secret address that it is sent to, so one sent from another site can do nothing that whoever made it
could not do themselves.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from imin_accounts.fake._connect import Action, Refusal
from imin_accounts.transports.base import Response

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["declined", "ending", "form", "front"]

_ENDINGS: dict[str, tuple[int, str, str]] = {
    "forged": (404, "This link is not valid", "It was not made by this service, or it was cut short."),
    "expired": (410, "This link has expired", "Go back to where you came from and ask for a new one."),
    "used": (410, "This link has been used", "Go back to where you came from and ask for a new one."),
}
_COMPLAINTS: dict[str, str] = {
    "wrong password": "The email address or the password is wrong.",
    "already a member": "There is an account under this email address already.",
    "no email": "Please give an email address.",
    "no password": "Please choose a password.",
}
_MISSING = (
    "The seller's pages need an extra: in a checkout python -m pip install '.[emulator]', "
    "else python -m pip install 'imin-accounts[emulator]'\n"
)


def ending(reason: Refusal) -> Response:
    """The page for a link or visit that can't be used."""
    status, heading, text = _ENDINGS[reason]
    return _page(status, "ending.html", heading=heading, text=text)


def declined() -> Response:
    """The page after declining, where the browser is not sent back."""
    return _page(200, "ending.html", heading="Not connected", text="You may close this page.")


def form(
    action: Action,
    *,
    seller: str,
    broker: str,
    email: str,
    post_to: str,
    refusal: Refusal | None = None,
    status: int = 200,
) -> Response:
    """The page on which a customer logs in or registers, and consents or declines.

    To log in, the password is filled in as the emulator's people have it unless told otherwise, until it has
    been wrong; it is never looked up.

    Args:
        action: ``RegisterAction`` to log in to an account, ``CreateAction`` to make one.
        seller: The seller's name.
        broker: The name of whoever asks to be connected.
        email: What to fill in for the email address.
        post_to: Path that the form is sent to.
        refusal: Why the last try failed; None on the first.
        status: Of the reply.
    """
    return _page(
        status,
        "form.html",
        logs_in=action == "RegisterAction",
        seller=seller,
        broker=broker,
        email=email,
        post_to=post_to,
        complaint=_COMPLAINTS[refusal] if refusal else None,
    )


def front(seen: Mapping[str, Any]) -> Response | None:
    """The page of the emulator itself; None where the extra is missing.

    Args:
        seen: What there is to see, as ``overview`` has it.
    """
    try:
        page = _templates().get_template("front.html").render(seen)
    except ImportError:
        return None
    return Response(status=200, headers=_headers("front.css"), body=page.encode())


def _page(status: int, template: str, **values: Any) -> Response:
    try:
        templates = _templates()
    except ImportError:
        return Response(
            status=501 if status == 200 else status,
            headers={"content-type": "text/plain; charset=utf-8"},
            body=_MISSING.encode(),
        )
    page = templates.get_template(template).render(values)
    return Response(status=status, headers=_headers("seller.css"), body=page.encode())


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("imin_accounts.fake"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _headers(style_sheet: str) -> dict[str, str]:
    style = hashlib.sha256(_templates().get_template(style_sheet).render().encode()).digest()
    return {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        # No form-action: browsers hold it against a form's redirect too, and that leads to the broker.
        "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "img-src data:; "  # the empty icon
        f"style-src 'sha256-{base64.b64encode(style).decode()}'",
        "referrer-policy": "no-referrer",  # the page's address is a secret
        "x-content-type-options": "nosniff",
    }
