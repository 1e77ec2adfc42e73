"""``imin-accounts emulator``: the emulated service over HTTP, for tests in any language."""

import asyncio
import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

import click

from imin_accounts.cli._connection import key_in
from imin_accounts.cli._faults_help import faults_help
from imin_accounts.cli._files import AppendFile, CannotWrite, FilePath, refuse_same, replacing
from imin_accounts.cli._help import examples
from imin_accounts.cli._output import safe
from imin_accounts.cli._signals import told_to_end
from imin_accounts.fake import FakeImin, Notify, add_people, add_rosie

__all__ = ["emulator"]


@click.command(
    epilog=examples(
        "imin-accounts emulator",
        "imin-accounts emulator --port 9000 --state imin.json",
        "imin-accounts emulator --customers 1000 --seed 7",
        "imin-accounts emulator --notify-url http://127.0.0.1:8000/imin-webhook",
    )
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option("--seed", type=int, help="Make every reply reproducible.")
@click.option(
    "--sellers",
    type=click.IntRange(0),
    help="Further sellers.  [default: 9 where there are further customers]",
    metavar="N",
)
@click.option(
    "--customers",
    default=0,
    type=click.IntRange(0),
    help="Further customers, with passes, discounts, requests for proof and conflicts.",
    metavar="N",
)
@click.option(
    "--faults",
    type=FilePath(exists=True),
    help="A JSON file that says what goes wrong, and when.",
)
@click.option(
    "--fixture",
    "fixtures",
    type=FilePath(exists=True),
    multiple=True,
    metavar="FILE",
    help="A reply, such as a redacted one, to send as it is to whom it is about. May be repeated.",
)
@click.option(
    "--state",
    type=FilePath(),
    help="A JSON file to start from, if it holds anything, and to save to at the end.",
)
@click.option(
    "--notify-url",
    metavar="URL",
    help="Post a notification there whenever something changes for a customer at a seller.",
)
@click.option(
    "--notify-key-file",
    type=FilePath(exists=True),
    help="A file that holds the X-Api-Key of notifications; or IMIN_NOTIFY_KEY.  "
    "[default: test-notification-key]",
)
@click.option(
    "--admin",
    type=click.Choice(["loopback", "anywhere"]),
    default="loopback",
    show_default=True,
    help="Who may use / and /_emulator/: this machine, or anybody who can reach it.",
)
@click.option(
    "--public-url",
    metavar="URL",
    help="What a browser knows the emulator as, if not as imin's clients do: for links, in a compose file.",
)
@click.option(
    "--verbose", is_flag=True, help="Say on standard error what is asked and answered, a line each."
)
@click.option(
    "--faults-help",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _, wanted: _print_faults_help(ctx) if wanted else None,
    help="Show every effect, member and value that a faults file may have, and exit.",
)
def emulator(
    host: str,
    port: int,
    seed: int | None,
    sellers: int | None,
    customers: int,
    faults: Path | None,
    fixtures: tuple[Path, ...],
    state: Path | None,
    notify_url: str | None,
    notify_key_file: Path | None,
    admin: Literal["loopback", "anywhere"],
    public_url: str | None,
    verbose: bool,
) -> None:
    """Serve an emulated imin until interrupted.

    --state is read at the start and saved at the end, whatever the signal, by one emulator at a time. If its
    folder is gone by then it is made again; if that can't be, the state is kept in a temporary file, and you
    are told where.

    The key is "test-key". The customer "rosie" has a seller in each of the three states; further
    ones are "customer-1" and so on.

    \b
    A faults file, for instance (every member but effect may be left out):
      {"rules": [{"endpoint": "delete_seller_account", "customer": "rosie",
                  "nth": 1, "probability": 0.5,
                  "effect": {"drop": {"processed": true}}}],
       "rate_limit": {"per_second": 20}}
    Effects: status, latency, stall, drop, other_customer, malformed, drifted; on notifications lost,
    duplicated, late, reordered, wrong_key. See --faults-help.

    Its address shows who there is, what to try and what was asked, in a browser and with curl; /_emulator/
    lists what can be done to it, and /openapi.json describes the API.
    """
    notify = _notify(notify_url, notify_key_file)
    fake = FakeImin(seed=seed)
    if verbose:
        _log_to_standard_error()
    add_rosie(fake)
    if sellers is None:
        sellers = 9 if customers else 0
    add_people(fake, sellers=sellers, customers=customers, seed=seed or 0)
    if faults is not None:
        _load("--faults", faults, fake.faults.load)
    where = {"host": host, "port": port, "admin": admin, "public_url": public_url, "notify": notify}
    if state is None:
        _load_fixtures(fake, fixtures)
        asyncio.run(_serve(fake, where))
        return
    refuse_same(state, "--state", faults, notify_key_file, *fixtures)
    with contextlib.closing(StateFile(state)) as kept:
        kept.load(fake)
        _load_fixtures(fake, fixtures)
        asyncio.run(_serve(fake, where, kept))


def _print_faults_help(ctx: click.Context) -> None:
    click.echo(faults_help(FakeImin().faults.schema()))
    ctx.exit()


def _notify(url: str | None, key_file: Path | None) -> Notify | None:
    """Where to post notifications; the key stands nowhere on the command line, where others could read it."""
    if url is None:
        if key_file is not None:
            raise click.UsageError("--notify-key-file needs --notify-url")
        return None
    key = os.environ.get("IMIN_NOTIFY_KEY") or None  # an empty variable counts as not set
    if key_file is not None:
        key = key_in(key_file)
    try:
        return Notify(url) if key is None else Notify(url, key)
    except ValueError as error:
        raise click.UsageError(f"notifications: {error}") from None


class StateFile:
    """The file that an emulator's state is kept in. No other emulator may use it meanwhile.

    Raises:
        BadParameter: It can't be written, or another emulator has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._held = AppendFile(path)
        except CannotWrite as error:
            raise click.BadParameter(error.message.rstrip("."), param_hint="--state") from None

    def load(self, fake: FakeImin) -> None:
        """Put what it holds, if it holds anything, in the place of the state of ``fake``.

        Raises:
            BadParameter: It is no such file.
        """
        if self._held.size:
            _load("--state", self._path, fake.restore)

    def save(self, fake: FakeImin) -> None:
        """Keep the state: in the file; where that can't be any more, in one for temporary files.

        Raises:
            CannotWrite: The file is as it was. Where the state is instead was printed.
        """
        text = json.dumps(fake.snapshot(), indent=1)
        try:
            self._held.real.parent.mkdir(parents=True, exist_ok=True)  # somebody may have removed the folder
            self._held.close_to_be_replaced()
            with replacing(self._path) as new:
                new.write_text(text, encoding="utf-8")
        except (OSError, CannotWrite) as error:
            elsewhere = _kept_elsewhere(text)
            click.echo(
                f"The state is in {elsewhere} instead." if elsewhere else "The state is lost.", err=True
            )
            raise error if isinstance(error, CannotWrite) else CannotWrite(self._path, error) from None

    def close(self) -> None:
        """Let others use it. It goes if it is empty: it was made here, and nothing came into it."""
        self._held.remove_if_empty()
        self._held.close()


def _kept_elsewhere(text: str) -> Path | None:
    file = Path(tempfile.gettempdir()) / f"imin-emulator-{token_hex(8)}.json"
    try:
        with replacing(file) as new:
            new.write_text(text, encoding="utf-8")
    except CannotWrite:
        return None
    return file


async def _serve(fake: FakeImin, where: dict[str, Any], state: StateFile | None = None) -> None:
    stop = told_to_end()
    async with contextlib.AsyncExitStack() as stack:
        try:
            base_url = await stack.enter_async_context(fake.serve(**where))
        except (OSError, UnicodeError) as error:  # the latter for a name that can't be one
            reason = error.strerror if isinstance(error, OSError) else "there is no such host"
            raise click.ClickException(f"can't listen on {where['host']}:{where['port']}: {reason}") from None
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--public-url") from None
        try:
            customers = ", ".join(map(safe, ("rosie", *fake.population.replies)))
            click.echo(f"imin is emulated at {base_url}  (X-Api-Key: test-key, customer: {customers})")
            notify: Notify | None = where["notify"]
            if notify is not None:
                own = notify.key != Notify(notify.url).key
                key = "the one given" if own else notify.key
                click.echo(f"Notifications go to {notify.url}  (X-Api-Key: {key})")
            await stop.wait()
        finally:
            if state is not None:
                state.save(fake)


def _load_fixtures(fake: FakeImin, files: tuple[Path, ...]) -> None:
    for file in files:
        try:
            fake.load(file.read_bytes())
        except (OSError, ValueError) as error:
            raise click.BadParameter(f"{file}: {error}", param_hint="--fixture") from None


def _load(option: str, file: Path, load: Callable[[Any], None]) -> None:
    try:
        load(json.loads(file.read_text(encoding="utf-8-sig")))
    except RecursionError:
        raise click.BadParameter(f"{file}: it is nested too deep", param_hint=option) from None
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{file}: {error}", param_hint=option) from None


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger("imin_accounts.fake")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
