"""How the documentation is built: ``sphinx-build -W -n docs build/docs``."""

from enum import Enum
from importlib import import_module
from typing import Any

import attrs
import click
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

import imin_accounts
from imin_accounts import IminError
from imin_accounts._models.node import Node
from imin_accounts._wire.requests import BASE_URL
from imin_accounts.transports import Transport
from imin_accounts.transports.aiohttp import MAX_BODY

project = "imin_accounts"
author = "the imin_accounts contributors"
release = version = imin_accounts.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["images", "figures"]
nitpicky = True
nitpick_ignore_regex = [
    # Other people's names: their pages are on the network, which a build does without.
    (
        r"py:.*",
        r"(aiohttp|yarl|ssl|datetime|asyncio|contextlib|collections|typing|os|enum|pathlib|types)\b.*",
    ),
    (r"py:.*", r"(URL|datetime|timedelta|optional|int of at least 1)"),
    # Ours that are spelled out where they are used.
    (r"py:.*", r"(imin_accounts\.)?(_|.*\._).*"),
    (r"py:.*", r"(T|Extra|Private|Link|Context|Clock|Sleep|KeySource|OnAttempt|Limiter|Effect|Endpoint)"),
    (r"py:obj", r"imin_accounts\..*"),
    (r"py:class", r"tuple\[.*"),  # cut at the comma of a type with parameters
]

PUBLIC = {
    "requests.BASE_URL": repr(BASE_URL),
    ": ~typing.Unpack[~imin_accounts.session._session.Options]": "",
    "MAX_BODY": repr(MAX_BODY),
    "_utc_now": "lambda: datetime.now(UTC)",
}
"""Private names in signatures, and what a reader would write."""

html_theme = "furo"
html_title = f"imin_accounts {release}"
html_static_path = ["static"]
html_css_files = ["figures.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
highlight_language = "none"


class Help(Directive):
    """The help text of one command, as the command prints it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        from imin_accounts.cli._main import imin_accounts as program

        name = self.arguments[0]
        with click.Context(
            program, info_name="imin-accounts", terminal_width=88, **program.context_settings
        ) as above:
            command = program if name == "imin-accounts" else program.get_command(above, name)
            assert command is not None, f"there is no command {name}"
            inside = above if command is program else click.Context(command, above, name)
            text = command.get_help(inside)
        return [nodes.literal_block(text, text, language="none")]


def fields(_: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Add a table of every field to a model's docstring: its type and its JSON member."""
    if what != "class" or not (isinstance(value, type) and issubclass(value, Node)):
        return
    lines += ["", ".. list-table::", "   :header-rows: 1", "   :class: fields", ""]
    lines += ["   * - field", "     - type", "     - JSON member"]
    for field in attrs.fields(value):
        if field.name in ("extra", "problems"):
            continue
        keys = " or ".join(f"``{key}``" for key in field.metadata["keys"])
        lines += [f"   * - ``{field.name}``", f"     - {_type(field.type)}", f"     - {keys}"]
    lines.append("")


def _type(annotation: Any) -> str:
    """An annotation as one would say it: private text is text."""
    parts = getattr(annotation, "__args__", ())
    if hasattr(annotation, "__metadata__"):
        return _type(annotation.__origin__)
    if getattr(annotation, "__origin__", None) is tuple:
        return f"tuple of {_type(parts[0])}"
    if parts:
        return " or ".join(_type(part) for part in parts)
    if annotation is type(None):
        return "None"
    models = import_module("imin_accounts.models")
    name = str(annotation.__name__)
    return f":class:`~imin_accounts.models.{name}`" if hasattr(models, name) and name != "datetime" else name


def signature(
    _: Sphinx, what: str, name: str, value: Any, options: Any, given: str, returned: str
) -> tuple[str, str | None] | None:
    """A signature without what is private, and without what the class above has said already.

    That of an attrs class has arguments by name and default: types are in its table, or said in words.
    """
    if isinstance(value, type) and _is_known(value):
        return "", None
    if isinstance(value, type) and attrs.has(value):
        return _arguments(value), None
    for private, public in PUBLIC.items():
        given = given and given.replace(private, public)
    return (given, returned) if given else None


def _is_known(cls: type) -> bool:
    """Whether a signature would add nothing: to a model's table, to the error above, to a protocol."""
    inherited = issubclass(cls, IminError) and "__init__" not in vars(cls)
    return issubclass(cls, Node) or inherited or cls is Transport


def _arguments(cls: type) -> str:
    fields = [field for field in attrs.fields(cls) if field.init]
    by_place = [_argument(field) for field in fields if not field.kw_only]
    by_name = [_argument(field) for field in fields if field.kw_only]
    return f"({', '.join([*by_place, *(['*'] if by_name else []), *by_name])})"


def _argument(field: "attrs.Attribute[Any]") -> str:
    if field.default is attrs.NOTHING:
        return field.name
    return f"{field.name}={str(field.default) if isinstance(field.default, Enum) else repr(field.default)}"


def setup(app: Sphinx) -> None:
    """What Sphinx calls first."""
    app.add_directive("help", Help)
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"  # Sphinx calls them variables
    app.connect("autodoc-process-docstring", fields)
    app.connect("autodoc-process-signature", signature)
