"""``imin-accounts emulator``: the emulated service over HTTP, for tests in any language."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from imin_accounts.cli._files import replacing
from imin_accounts.cli._help import examples
from imin_accounts.fake import FakeImin, add_crowd, add_rosie

__all__ = ["emulator"]


@click.command(
    epilog=examples(
        "imin-accounts emulator",
        "imin-accounts emulator --port 9000 --state imin.json",
        "imin-accounts emulator --sellers 20 --customers 1000 --seed 7",
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
    help="A JSON file to start from, if it exists, and to save to at the end.",
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
    admin: Literal["loopback", "anywhere"],
) -> None:
    """Serve an emulated imin until interrupted.

    The key is "test-key". The customer "rosie" has a seller in each of the three states; further
    ones are "customer-1" and so on.

    \b
    A faults file, for instance (every member but effect may be left out):
      {"rules": [{"endpoint": "delete_seller_account", "customer": "rosie",
                  "nth": 1, "probability": 0.5,
                  "effect": {"drop": {"processed": true}}}],
       "rate_limit": {"per_second": 20}}
    Effects: status, latency, stall, drop, other_customer, malformed, drifted.

    \b
    At /_emulator/: GET and PUT state, GET and PUT faults, GET requests,
    POST reset, POST advance {"seconds": 3600}.
    """
    fake = FakeImin(seed=seed)
    add_rosie(fake)
    add_crowd(fake, sellers=sellers, customers=customers, seed=seed or 0)
    if state is not None and state.exists():
        _load("--state", state, fake.restore)
    if faults is not None:
        _load("--faults", faults, fake.faults.load)
    asyncio.run(_serve(fake, host, port, admin, state))


async def _serve(
    fake: FakeImin, host: str, port: int, admin: Literal["loopback", "anywhere"], state: Path | None
) -> None:
    stop = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # on Windows an interrupt cancels us instead
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        try:
            base_url = await stack.enter_async_context(fake.serve(host=host, port=port, admin=admin))
        except OSError as error:
            raise click.ClickException(f"can't listen on {host}:{port}: {error.strerror}") from None
        click.echo(f"imin is emulated at {base_url}  (X-Api-Key: test-key, customer: rosie)")
        try:
            await stop.wait()
        finally:
            if state is not None:
                with replacing(state) as new:
                    new.write_text(json.dumps(fake.snapshot(), indent=1), encoding="utf-8")


def _load(option: str, file: Path, load: Callable[[Any], None]) -> None:
    try:
        load(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{file}: {error}", param_hint=option) from None
