"""``imin-accounts read``: every field of a saved reply, what is wrong with it, what is new in it."""

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import click
from rich.console import Console
from rich.text import Text

from imin_accounts import (
    DecodeError,
    SellerAccount,
    SellerAccounts,
    UnrecognisedAccount,
    from_jsonld,
    to_jsonld,
)
from imin_accounts.cli._failures import PARTLY_DONE
from imin_accounts.cli._files import FilePath, refuse_same, replacing
from imin_accounts.cli._help import examples
from imin_accounts.cli._output import console, json_option, line, print_json, safe, state
from imin_accounts.cli.accounts import seller_name
from imin_accounts.models import ActionStatus, EvidenceRequest

APART = {"item", "problems", "extra", "_document"}
"""Fields that have a place of their own in what is printed."""


@click.command(
    epilog=examples(
        "imin-accounts read saved.json",
        "imin-accounts accounts rosie --json | imin-accounts read -",
        "imin-accounts read saved.json --redact -o redacted.json",
    )
)
@click.argument("file", type=click.File("rb"))
@json_option
@click.option(
    "--redact",
    is_flag=True,
    help="Print the reply itself, with every personal value replaced by another one.",
)
@click.option(
    "-o",
    "--output",
    type=FilePath(),
    metavar="FILE",
    help="With --redact: write it to FILE, which only you may read.",
)
@click.pass_context
def read(ctx: click.Context, file: BinaryIO, as_json: bool, redact: bool, output: Path | None) -> None:
    """Show every field of a saved reply.

    Personal data and links are shown too. FILE is a reply of imin's Get Seller Accounts; - is standard input.
    After the accounts come the problems (what could not be read: exit code 3) and the drift (what the API
    does not document).

    --json prints the reply ("accounts"), the state of each account ("states"), "problems" and "drift".

    --redact makes a copy to attach to a report: as it was but for names, addresses, identifiers, numbers of
    four and more digits, links and free text. Each becomes another one of the same length, the same wherever
    it stands; dates all move by the same number of days. Members' names, types and statuses stay, but for
    names that may be data: with four digits, a slash or an address in them, and no URL of a vocabulary. The
    copy has the same problems and drift, and nobody can tell from it what stood there. FILE need not be
    readable as a reply, only as JSON. `imin-accounts emulator --fixture` serves such a copy.
    """
    if redact:
        _redact(file, output)
        return
    if output is not None:
        raise click.UsageError("--output is for --redact")
    try:
        accounts = from_jsonld(_content(file))
    except DecodeError as error:
        raise click.ClickException(f"{error}: this is no reply of imin's.") from None
    problems = [*accounts.problems, *(problem for account in accounts for problem in account.problems)]
    if as_json:
        print_json(_report(accounts, problems))
    else:
        _Printer(console(), datetime.now(UTC)).everything(accounts, problems)
    if problems:
        ctx.exit(PARTLY_DONE)


def _content(file: BinaryIO) -> bytes:
    content = file.read()
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):  # as PowerShell's `>` saves what a command prints
        content = content.decode("utf-16", errors="replace").encode()
    return content


def _redact(file: BinaryIO, output: Path | None) -> None:
    from imin_accounts.cli._redaction.reply import NotAlike, redacted

    if output is not None:
        refuse_same(output, "--output", Path(str(getattr(file, "name", "-"))))
    text = ""
    wrong = "a redacted copy would not have the same problems; nothing was written."
    try:
        text = redacted(_content(file))
    except NotAlike:
        pass
    except DecodeError as error:
        wrong = f"{error}: nothing was written."
    if not text:  # raised out here, so that nothing of the reply is in a traceback
        raise click.ClickException(wrong)
    if output is None:
        click.echo(text)
        return
    with replacing(output) as new:
        new.write_text(f"{text}\n", encoding="utf-8")


def _report(accounts: SellerAccounts, problems: list[str]) -> dict[str, Any]:
    return {
        "accounts": to_jsonld(accounts),
        "states": [
            {"seller": account.seller.id if account.seller else None, "state": state(account)[0]}
            for account in accounts
        ],
        "problems": problems,
        "drift": accounts.drift(),
    }


@attrs.frozen
class _Printer:
    """Walks the models, so that a field added to one shows without a change here."""

    to: Console
    now: datetime

    def everything(self, accounts: SellerAccounts, problems: list[str]) -> None:
        self._fields(accounts, indent=0)
        for account in accounts:
            self._account(account)
        self._heading("Problems", "red" if problems else "")
        for problem in problems or ["none: everything could be read"]:
            self.to.print(Text(f"  {safe(problem)}"), soft_wrap=True)
        drift = accounts.drift()
        self._heading("Drift", "yellow" if drift else "")
        for sentence, count in drift.items():
            self.to.print(Text(f"  {safe(sentence)} (met {count}x)"), soft_wrap=True)
        if not drift:
            self.to.print("  none: everything is documented")

    def _account(self, account: SellerAccount) -> None:
        words, style = state(account)
        self._heading(f"{seller_name(account)}: {words}", style)
        self._fields(account, indent=1)
        if isinstance(account, UnrecognisedAccount):
            line(self.to, "document", json.dumps(account.document), indent=1)

    def _heading(self, text: str, style: str) -> None:
        self.to.print(Text(f"\n{text}", style=f"bold {style}"), soft_wrap=True)

    def _fields(self, node: Any, indent: int) -> None:
        for field in attrs.fields(type(node)):
            if field.name not in APART:
                self._value(field.name.replace("_", " "), getattr(node, field.name), indent)
        for key, value in node.extra.items():
            line(self.to, f"+ {key}", json.dumps(value), indent=indent, style="yellow")
        if isinstance(node, EvidenceRequest) and node.is_outstanding:
            line(self.to, "", "the proof is outstanding", indent=indent, style="yellow")

    def _value(self, label: str, value: Any, indent: int) -> None:
        match value:
            case None | ():
                return
            case bool():
                line(self.to, label, "yes" if value else "no", indent=indent)
            case ActionStatus():
                line(self.to, label, f"{value.name.lower()} ({value})", indent=indent)
            case str():
                line(self.to, label, value, indent=indent)
            case datetime():
                line(self.to, label, self._date(label, value), indent=indent)
            case tuple():
                for each in value:
                    self._value(label, each, indent)
            case _:
                self.to.print(Text("  " * indent + label, style="dim"))
                self._fields(value, indent + 1)

    def _date(self, label: str, date: datetime) -> str:
        text = date.isoformat(sep=" ")
        if label not in ("expires", "expiry"):
            return text
        left = date - self.now
        if left.total_seconds() <= 0:
            return f"{text} (ended {(-left).days} days ago)"
        return f"{text} ({left.days} days left)"
