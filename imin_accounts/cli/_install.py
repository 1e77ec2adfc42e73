"""How to install what is missing: from where this package itself came."""

import json
from contextlib import suppress
from pathlib import Path

import imin_accounts

_CHECKOUT = Path(imin_accounts.__file__).resolve().parents[1]


def install_command(extra: str) -> str:
    """A command that installs an extra of this package, as it is typed."""
    checkout = _checkout()
    if checkout is None:
        return f"python -m pip install 'imin-accounts[{extra}]'"
    return f"python -m pip install '.[{extra}]' (in {checkout})"


def _checkout() -> Path | None:
    """The folder that this package was installed from, or runs in; None where it came from an index."""
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT
    from importlib.metadata import PackageNotFoundError, distribution  # not at the top, as the next two:
    from urllib.parse import urlsplit  # --version would load them too, which takes as long as click does
    from urllib.request import url2pathname

    with suppress(PackageNotFoundError, ValueError, KeyError, AttributeError):
        # https://packaging.python.org/en/latest/specifications/direct-url/
        origin = json.loads(distribution("imin-accounts").read_text("direct_url.json") or "{}")
        folder = Path(url2pathname(urlsplit(origin["url"]).path))
        if "dir_info" in origin and (folder / "pyproject.toml").is_file():
            return folder
    return None
