"""``imin-accounts doctor``: what stands between this machine and a customer's accounts."""

import asyncio
import os
from collections.abc import Iterator
from secrets import token_hex

import click
from rich.text import Text
from yarl import URL

from imin_accounts import (
    AccountsSession,
    IminError,
    InvalidRequest,
    RetryPolicy,
    SellerAccounts,
    TransportError,
)
from imin_accounts.cli._connection import connection_options, session
from imin_accounts.cli._doctor.check import Check
from imin_accounts.cli._doctor.reads import Watched, checks_of_reads, read
from imin_accounts.cli._doctor.way import checks_of_the_way
from imin_accounts.cli._failures import NOT_AUTHORISED, USAGE
from imin_accounts.cli._files import CannotRead
from imin_accounts.cli._help import examples
from imin_accounts.cli._output import console, json_option, print_json, safe
from imin_accounts.transports import AiohttpTransport, Request, Response

_NAMES = ("key", "address", "name", "connection", "tls", "reads", "clock", "key accepted", "customer")
_COLOURS = {"ok": "green", "warning": "yellow", "failed": "bold red"}
_TIMEOUT = 10.0


@click.command(
    epilog=examples(
        "imin-accounts doctor",
        "imin-accounts doctor rosie",
        "imin-accounts doctor rosie --json",
    )
)
@click.argument("customer", required=False)
@json_option
@connection_options
@click.pass_context
def doctor(ctx: click.Context, customer: str | None, as_json: bool) -> None:
    """Find out what is wrong between here and imin.

    Looks at the API key and where it is from, the host's address, the connection, TLS and its certificate,
    how long three reads take, this machine's clock, whether imin takes the key, and what it says of CUSTOMER;
    says of each whether it is ok, and else what to do. It changes nothing and makes three requests at most.
    Neither the key nor anything personal is printed.

    Without CUSTOMER, imin is asked for one who does not exist: if it says so, it takes the key.

    The exit code is that of the first failure; 3 where there are warnings only.
    """
    watched = Watched(AiohttpTransport())
    checks: list[Check] = []
    to = console()
    for check in _checks(customer, watched):
        checks.append(check)
        if not as_json:
            to.print(_line(check), soft_wrap=True)
    left = [name for name in _NAMES if name not in {check.name for check in checks}]
    worst = max(checks, key=lambda check: list(_COLOURS).index(check.status)).status
    if as_json:
        print_json(
            {
                "worst": worst,
                "requests": watched.requests,
                "checks": [check.as_json() for check in checks],
                "not_looked_at": left,
            }
        )
    elif left:
        to.print(Text(f"not looked at: {', '.join(left)}", style="dim"), soft_wrap=True)
    ctx.exit(next((check.exit_code for check in checks if check.status == worst), 0))


def _checks(customer: str | None, watched: Watched) -> Iterator[Check]:
    key = _key()
    yield key
    asked = f"doctor-{token_hex(8)}" if customer is None else customer
    address, base = _address("doctor")
    yield address
    if base is None:
        return
    if (odd := _address(asked)[0]).status == "failed":
        yield Check("customer", "failed", odd.text, "Give the identifier that imin has for them.", {}, USAGE)
        return
    timeout = min(_TIMEOUT, click.get_current_context().ensure_object(dict).get("timeout", _TIMEOUT))
    for check in checks_of_the_way(base, timeout):
        yield check
        if check.status == "failed":
            return
    if key.status == "ok":
        outcome = asyncio.run(_read(asked, watched))
        yield from checks_of_reads(
            outcome, watched, is_known=customer is not None, is_http=base.scheme == "http"
        )


def _key() -> Check:
    """Where the key is from, and whether it could be one."""
    file = click.get_current_context().ensure_object(dict).get("api_key_file")
    names = [name for name in ("IMIN_API_KEY", "IMIN_API_KEY_FILE") if os.environ.get(name)]
    place = f"--api-key-file {file}" if file else " and ".join(names)
    try:
        session(base_url="https://localhost")  # whatever is wrong with the base URL comes later
    except (InvalidRequest, CannotRead) as error:
        wrong = error.message.rstrip(".") if isinstance(error, CannotRead) else str(error)
    else:
        return Check("key", "ok", f"found in {safe(place)}", facts={"place": place})
    text = f"not usable, from {safe(place)}: {safe(wrong)}" if place else f"none: {wrong}"
    advice = "Put the key that imin gave you there, and nothing else."
    return Check("key", "failed", text, advice, {"place": place or None}, NOT_AUTHORISED)


class _Nowhere:
    """A transport that sends nothing, and notes where that would have gone."""

    url = URL()

    async def send(self, request: Request, *, timeout: float) -> Response:
        """Refuse."""
        self.url = URL(request.url, encoded=True)
        raise TransportError("refused", maybe_sent=False)


def _address(customer: str) -> tuple[Check, URL | None]:
    """Where requests would go: the host of a request that a session makes and does not send."""
    nowhere = _Nowhere()
    try:
        without_key = session(api_key="none", transport=nowhere, retry=RetryPolicy(attempts=1))
        asyncio.run(_asked(without_key, customer))
    except InvalidRequest as error:
        advice = (
            "Correct it: the base URL is in --base-url or IMIN_BASE_URL; without either imin's own is used."
        )
        return Check("address", "failed", str(error), advice, {}, USAGE), None
    address = str(nowhere.url).rpartition("/customers/")[0]
    return Check("address", "ok", safe(address), facts={"address": address}), nowhere.url.origin()


async def _asked(imin: AccountsSession, customer: str) -> None:
    async with imin:
        try:
            await imin.get_seller_accounts(customer)
        except TransportError:  # as it should be
            return


async def _read(customer: str, watched: Watched) -> SellerAccounts | IminError:
    try:
        return await read(session(transport=watched, retry=RetryPolicy(attempts=1)), customer)
    finally:
        await watched.aclose()


def _line(check: Check) -> Text:
    margin = " " * 23
    line = Text.assemble(
        (f"{check.status:<8}", _COLOURS[check.status]), f" {check.name:<13} ", safe(check.text)
    )
    if check.advice:
        line.append(f"\n{margin}{check.advice}", style="dim")
    return line
