"""``imin-accounts emulator``: the emulated service over HTTP, for tests in any language."""

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

import click

from imin_accounts.cli._files import AppendFile, CannotRead, CannotWrite, refuse_same, replacing
from imin_accounts.cli._help import examples
from imin_accounts.fake import FakeImin, Notify, add_crowd, add_rosie

__all__ = ["emulator"]

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@click.command(
    epilog=examples(
        "imin-accounts emulator",
        "imin-accounts emulator --port 9000 --state imin.json",
        "imin-accounts emulator --sellers 20 --customers 1000 --seed 7",
        "imin-accounts emulator --notify-url http://127.0.0.1:8000/imin-webhook",
    )
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option("--seed", type=int, help="Make every reply reproducible.")
@click.option("--sellers", default=0, type=click.IntRange(0), help="Further sellers.", metavar="N")
@click.option("--customers", default=0, type=click.IntRange(0), help="Further customers.", metavar="N")
@click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file that says what goes wrong, and when.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A JSON file to start from, if it holds anything, and to save to at the end.",
)
@click.option(
    "--notify-url",
    metavar="URL",
    help="Post a notification there whenever something changes for a customer at a seller.",
)
@click.option(
    "--notify-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that holds the X-Api-Key of notifications; or IMIN_NOTIFY_KEY.  "
    "[default: test-notification-key]",
)
@click.option(
    "--admin",
    type=click.Choice(["loopback", "anywhere"]),
    default="loopback",
    show_default=True,
    help="Who may use /_emulator/: this machine, or anybody who can reach it.",
)
def emulator(
    host: str,
    port: int,
    seed: int | None,
    sellers: int,
    customers: int,
    faults: Path | None,
    state: Path | None,
    notify_url: str | None,
    notify_key_file: Path | None,
    admin: Literal["loopback", "anywhere"],
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
    Effects: status, latency, stall, drop, other_customer, malformed, drifted.
    On notifications: lost, duplicated, late, reordered, wrong_key.

    \b
    At /_emulator/: GET and PUT state, GET and PUT faults, GET requests,
    POST reset, POST advance {"seconds": 3600}. What causes a notification:
      POST disconnect      {"customer": "rosie", "seller": "…"}
      POST change-account  {"customer": "rosie", "seller": "…", "access_pass": "1"}
      POST set-evidence    {"customer": "rosie", "seller": "…",
                            "entitlement": "…", "status": "https://schema.org/…"}
    POST take-notifications gives those since the last time, posted or not.
    """
    notify = _notify(notify_url, notify_key_file)
    fake = FakeImin(seed=seed)
    add_rosie(fake)
    add_crowd(fake, sellers=sellers, customers=customers, seed=seed or 0)
    if faults is not None:
        _load("--faults", faults, fake.faults.load)
    if state is None:
        asyncio.run(_serve(fake, host, port, admin, notify=notify))
        return
    refuse_same(state, "--state", faults)
    with contextlib.closing(StateFile(state)) as kept:
        kept.load(fake)
        asyncio.run(_serve(fake, host, port, admin, kept, notify=notify))


def _notify(url: str | None, key_file: Path | None) -> Notify | None:
    """Where to post notifications; the key stands nowhere on the command line, where others could read it."""
    if url is None:
        if key_file is not None:
            raise click.UsageError("--notify-key-file needs --notify-url")
        return None
    key = os.environ.get("IMIN_NOTIFY_KEY") or None  # an empty variable counts as not set
    try:
        if key_file is not None:
            key = key_file.read_text(encoding="utf-8", errors="replace").strip()
        return Notify(url) if key is None else Notify(url, key)
    except OSError as error:
        assert key_file is not None
        raise CannotRead(key_file, error) from None
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


async def _serve(
    fake: FakeImin,
    host: str,
    port: int,
    admin: Literal["loopback", "anywhere"],
    state: StateFile | None = None,
    *,
    notify: Notify | None = None,
) -> None:
    stop = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # on Windows an interrupt cancels us instead
        for signum in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        try:
            base_url = await stack.enter_async_context(
                fake.serve(host=host, port=port, admin=admin, notify=notify)
            )
        except (OSError, UnicodeError) as error:  # the latter for a name that can't be one
            reason = error.strerror if isinstance(error, OSError) else "there is no such host"
            raise click.ClickException(f"can't listen on {host}:{port}: {reason}") from None
        try:
            click.echo(f"imin is emulated at {base_url}  (X-Api-Key: test-key, customer: rosie)")
            if notify is not None:
                own = notify.key != Notify(notify.url).key
                key = "the one given" if own else notify.key
                click.echo(f"Notifications go to {notify.url}  (X-Api-Key: {key})")
            await stop.wait()
        finally:
            if state is not None:
                state.save(fake)


def _load(option: str, file: Path, load: Callable[[Any], None]) -> None:
    try:
        load(json.loads(file.read_text(encoding="utf-8")))
    except RecursionError:
        raise click.BadParameter(f"{file}: it is nested too deep", param_hint=option) from None
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{file}: {error}", param_hint=option) from None
