"""What all commands print with: a console, text that is safe in a terminal, JSON."""

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from imin_accounts import ConnectedAccount, NoAccount, SellerAccount, UnconnectedAccount


def console() -> Console:
    """Standard output. Into a file or a pipe nothing is folded, so that it can be searched."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def state(account: SellerAccount) -> tuple[str, str]:
    """The state of an account in words, and the style to show it in."""
    match account:
        case ConnectedAccount():
            return "connected", "green"
        case UnconnectedAccount():
            return "unconnected", "yellow"
        case NoAccount():
            return "no account", "cyan"
        case _:
            return "unrecognised", "red"


def safe(text: str) -> str:
    """``text`` with every character that could steer a terminal written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def count_text(count: int, what: str) -> str:
    """A count with its noun, regular in the plural."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def line(to: Console, label: str, value: str, *, indent: int = 0, style: str = "") -> None:
    """Print one labelled value; only the terminal itself wraps it, so a URL can be copied whole."""
    margin = "  " * indent
    text = Text.assemble(margin, (f"{safe(label):<{26 - len(margin)}}", "dim"), " ", (safe(value), style))
    to.print(text, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print JSON in ASCII: it escapes whatever a terminal might obey."""
    click.echo(json.dumps(value, indent=2))


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
