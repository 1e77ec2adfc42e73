"""Run with the wheel installed, from outside of the checkout that is named: is everything there?"""

import sys
from importlib.resources import files

import imin_accounts

assert not str(imin_accounts.__file__).startswith(sys.argv[1] + "/imin_accounts"), "that is the checkout"
assert files(imin_accounts).joinpath("py.typed").is_file()
assert files(imin_accounts).joinpath("_models", "openactive.json").is_file()
assert files(imin_accounts).joinpath("openapi.json").is_file()
for name in imin_accounts.__all__:
    getattr(imin_accounts, name)
