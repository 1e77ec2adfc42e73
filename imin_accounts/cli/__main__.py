"""``python -m imin_accounts.cli``: the command where no script is installed."""

import sys

from imin_accounts.cli import main

sys.exit(main())
