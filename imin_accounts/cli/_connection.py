"""How to reach imin: the options for it, and the session that they make."""

import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from imin_accounts.cli._files import CannotRead, FilePath

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
            "--insecure-http",
            is_flag=True,
            expose_value=False,
            callback=lambda ctx, option, value: _remember(ctx, option, value or None),
            help="Let the base URL be http to another machine than this one; also IMIN_INSECURE_HTTP=1.",
        ),
        click.option(
            "--api-key-file",
            type=FilePath(exists=True),
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
    """The file that the key may be read from, if one was named."""
    file: Path | None = click.get_current_context().ensure_object(dict).get("api_key_file")
    named = os.environ.get("IMIN_API_KEY_FILE")
    return file or (Path(named) if named else None)


def given() -> list[str]:
    """The options that were given, as they are typed."""
    options = click.get_current_context().ensure_object(dict)
    return [
        text
        for name, value in options.items()
        for text in (f"--{name.replace('_', '-')}", *([] if value is True else [str(value)]))
    ]


def session(**more: Any) -> "AccountsSession":
    """A session as the options say, and the environment where they say nothing.

    Args:
        more: Further arguments for ``AccountsSession``, which win over the options.

    Raises:
        UnusableKey: There is no key, or what there is can't be one.
        InvalidRequest: Another value is unusable.
    """
    from imin_accounts import AccountsSession, InvalidRequest
    from imin_accounts.cli._failures import UnusableKey

    options = {**click.get_current_context().ensure_object(dict), **more}
    file: Path | None = options.pop("api_key_file", None)
    if file is not None and "api_key" not in more:
        options["api_key"] = key_in(file)
    try:
        return AccountsSession.from_env(**options)
    except InvalidRequest as error:
        wrong = str(error)
    try:
        AccountsSession.from_env(**{**options, "api_key": "another"})
    except InvalidRequest as error:
        in_python = re.sub("insecure_http(=True)?", "--insecure-http", str(error))
        raise InvalidRequest(in_python) from None
    raise UnusableKey(wrong)


class CannotReadKey(CannotRead):
    """The file that is to hold the key is not what it should be."""

    exit_code = 4


def key_in(file: Path) -> str:
    """The key, whoever wrote it: PowerShell's ``>`` makes UTF-16, Windows' Notepad a byte order mark."""
    try:
        content = file.read_bytes()
        encoding = "utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
        return content.decode(encoding).strip()
    except OSError as error:
        raise CannotReadKey(file, error) from None
    except UnicodeError:  # its text would quote the key
        pass
    raise CannotReadKey(file, "it is not UTF-8: an API key is plain ASCII text")
