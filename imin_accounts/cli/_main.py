"""The command itself: its commands by name, loaded when one is used, and its exit codes."""

import signal
from importlib import import_module
from typing import Any

import click

import imin_accounts as package
from imin_accounts.cli._connection import connection_options

COMMANDS = (
    "accounts",
    "audit",
    "changes",
    "convert",
    "demo",
    "disconnect",
    "disconnect-all",
    "doctor",
    "emulator",
    "export",
    "openapi",
    "read",
)

EXAMPLES_AND_EXIT_CODES = """\b
Examples:
  imin-accounts demo
  imin-accounts accounts rosie --redirect-uri https://broker.example/back
  imin-accounts accounts rosie --json > saved.json
  imin-accounts read saved.json
  imin-accounts disconnect rosie https://id.bookingsystem.example.com/organizers/1
  imin-accounts disconnect-all rosie --dry-run
  imin-accounts disconnect-all rosie --journal journal.jsonl --yes
  imin-accounts export customers.txt -o accounts.jsonl
  imin-accounts audit accounts.jsonl --within 30d --report audit.html
  imin-accounts changes accounts.jsonl today.jsonl

\b
To try them without a key, leave `imin-accounts emulator` running, whose customer
is rosie, and in another terminal:
  export IMIN_API_KEY=test-key IMIN_BASE_URL=http://127.0.0.1:8080
  echo rosie > customers.txt

\b
Exit codes:
  0  done
  1  failed; nothing was changed at imin
  2  wrong usage, or an empty list of identifiers; nothing was sent
  3  partly done: some customers failed or are left, part of a reply could
     not be read, or nobody can tell whether an account was disconnected; of
     `doctor`: warnings
  4  not authorised: the API key is missing, wrong or not allowed to
  5  unreachable: no reply came, or none in time
  6  done, but the output could not be written: a disk is full, standard
     output is closed, or nobody reads it; any other code goes before this one
"""


class Commands(click.Group):
    """A group whose commands each are a module of their own, named alike."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = name.replace("-", "_")
        command: click.Command = getattr(import_module(f"imin_accounts.cli.{module}"), module)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except package.IminError as error:
            from imin_accounts.cli._exit_codes import explain  # not at the top: --version would load it too

            code, text = explain(error)
        except click.Abort:  # at a question: the answer was no, or none
            code, text = 2, "not confirmed; nothing was sent."
        except KeyboardInterrupt:
            code, text = 128 + signal.SIGINT, "interrupted."
        except OSError as error:  # whatever a command has no words of its own for
            code, text = 1, f"{error.strerror or 'the system refused'}."
        click.echo(f"Error: {text}", err=True)
        ctx.exit(code)


@click.group(
    cls=Commands,
    epilog=EXAMPLES_AND_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package.__version__, message="%(prog)s %(version)s")
@connection_options
def imin_accounts() -> None:
    """A customer's Seller Accounts at imin: list, connect, disconnect.

    The API key comes from IMIN_API_KEY, from the file that IMIN_API_KEY_FILE names, or from
    --api-key-file; never from the command line itself, where others could read it. `demo`, `read`
    and whatever works on an exported file need none.
    """
