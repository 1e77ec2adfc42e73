"""Running the command line in this process."""

from collections.abc import Mapping

import attrs
from click.testing import CliRunner

from imin_accounts.cli._main import imin_accounts

NO_ENVIRONMENT = dict.fromkeys(
    (
        *("IMIN_API_KEY", "IMIN_API_KEY_FILE", "IMIN_BASE_URL", "IMIN_INSECURE_HTTP"),
        *("NO_COLOR", "FORCE_COLOR", "COLUMNS"),
    )
)


@attrs.frozen
class CommandResult:
    """What a command came to."""

    code: int
    out: str
    err: str


def run(
    *arguments: str, env: Mapping[str, str] | None = None, stdin: str | bytes | None = None
) -> CommandResult:
    """Run ``imin-accounts`` with an environment that says nothing but ``env``; its exceptions escape."""
    result = CliRunner().invoke(
        imin_accounts, arguments, input=stdin, env={**NO_ENVIRONMENT, **(env or {})}, catch_exceptions=False
    )
    return CommandResult(result.exit_code, result.stdout, result.stderr)


def environment(base_url: str) -> dict[str, str]:
    """The environment for an emulated imin at ``base_url``."""
    return {"IMIN_API_KEY": "test-key", "IMIN_BASE_URL": base_url}
