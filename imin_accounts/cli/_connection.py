"""How to reach imin: the options for it, and the session that they make."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from imin_accounts.cli._files import CannotRead

if TYPE_CHECKING:
    from imin_accounts import AccountsSession

Command = TypeVar("Command", bound=Callable[..., Any])


def connection_options(command: Command) -> Command:
    """Add the options to a command; they may stand before or after a command's name."""
    for option in (
        click.option(
            "--timeout",
            type=float,
            metavar="SECONDS",
            expose_value=False,
            callback=_remember,
            help="For a whole call, retries included.  [default: 30]",
        ),
        click.option(
            "--base-url",
            metavar="URL",
            expose_value=False,
            callback=_remember,
            help="Where the API is, if not at imin; also IMIN_BASE_URL.",
        ),
        click.option(
            "--api-key-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            expose_value=False,
            callback=_remember,
            help="A file that holds the API key; wins over the environment.",
        ),
    ):
        command = option(command)
    return command


def _remember(ctx: click.Context, option: click.Parameter, value: object) -> None:
    if value is not None:
        ctx.ensure_object(dict)[option.name] = value


def key_file() -> Path | None:
    """The file that ``--api-key-file`` names, if it was given."""
    file: Path | None = click.get_current_context().ensure_object(dict).get("api_key_file")
    return file


def session(**more: Any) -> "AccountsSession":
    """A session as the options say, and the environment where they say nothing.

    Args:
        more: Further arguments for ``AccountsSession``, which win over the options.

    Raises:
        InvalidRequest: No key, or an unusable value.
    """
    from imin_accounts import AccountsSession

    options = {**click.get_current_context().ensure_object(dict), **more}
    file: Path | None = options.pop("api_key_file", None)
    if file is not None and "api_key" not in more:
        try:
            options["api_key"] = file.read_text(encoding="utf-8", errors="replace").strip()
        except OSError as error:
            raise CannotRead(file, error) from None
    return AccountsSession.from_env(**options)
