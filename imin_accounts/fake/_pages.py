"""The seller's pages as HTML text: log in or register, and how a visit can end. No I/O, no state.

Plain forms without JavaScript. Everything that is not of this module is escaped.
"""

from html import escape

from imin_accounts.fake._connect import Action, Refusal

__all__ = ["declined", "ending", "form"]

_ENDINGS: dict[str, tuple[int, str, str]] = {
    "forged": (400, "This link is not valid", "It was not made by this service, or it was cut short."),
    "expired": (410, "This link has expired", "Go back to where you came from and ask for a new one."),
    "used": (410, "This link has been used", "Go back to where you came from and ask for a new one."),
}
_COMPLAINTS: dict[str, str] = {
    "wrong password": "The email address or the password is wrong.",
    "already a member": "There is an account under this email address already.",
    "no email": "Please give an email address.",
}


def ending(reason: Refusal) -> tuple[int, str]:
    """The status and the page for a link or visit that can't be used."""
    status, heading, text = _ENDINGS[reason]
    return status, _page(heading, f"<p>{text} Nothing was changed.</p>")


def declined() -> str:
    """The page after declining, where the browser is not sent back."""
    return _page("Not connected", "<p>You declined. Nothing was changed; you may close this page.</p>")


def form(action: Action, *, seller: str, email: str, post_to: str, refusal: Refusal | None = None) -> str:
    """The page on which a customer logs in or registers, and consents or declines.

    Args:
        action: ``RegisterAction`` to log in to an account, ``CreateAction`` to make one.
        seller: The seller's name.
        email: What to fill in for the email address.
        post_to: Path that the form is sent to.
        refusal: Why the last try failed; None on the first.
    """
    logs_in = action == "RegisterAction"
    heading = f"{'Log in to' if logs_in else 'Join'} {escape(seller)}"
    autocomplete = "current-password" if logs_in else "new-password"
    complaint = f'<p role="alert">{_COMPLAINTS[refusal]}</p>' if refusal else ""
    return _page(
        heading,
        f"""{complaint}
<form method="post" action="{escape(post_to)}">
<p><label for="email">Email address</label><br>
<input id="email" name="email" type="email" autocomplete="username" value="{escape(email)}"></p>
<p><label for="password">Password</label><br>
<input id="password" name="password" type="password" autocomplete="{autocomplete}"></p>
<p>If you go on, your account is connected to the service that sent you here.</p>
<p><button name="decision" value="consent">{"Log in" if logs_in else "Create account"} and connect</button>
<button name="decision" value="decline" formnovalidate>No, go back</button></p>
</form>""",
    )


def _page(heading: str, content: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{heading}</title></head>
<body><main><h1>{heading}</h1>
{content}
</main></body>
</html>
"""
