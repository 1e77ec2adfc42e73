"""``imin-accounts openapi``: the API described for tools in any language."""

from importlib.resources import files

import click

from imin_accounts.cli._help import examples

__all__ = ["openapi"]


@click.command(
    epilog=examples(
        "imin-accounts openapi > openapi.json",
        "imin-accounts openapi",
        "npx openapi-typescript openapi.json -o imin.d.ts",
    )
)
def openapi() -> None:
    """Print an OpenAPI 3.1 description of the API.

    It has the three endpoints and the webhook, as imin's pages document them; what they don't is marked with
    x-undocumented. The emulator serves the same at /openapi.json.
    """
    click.echo(files("imin_accounts").joinpath("openapi.json").read_text(encoding="utf-8"), nl=False)
