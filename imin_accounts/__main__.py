"""``python -m imin_accounts``: the command where no script is installed."""

from imin_accounts.cli import main

main()
