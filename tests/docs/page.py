"""A page of the documentation: its code blocks, and how a reader would run them."""

import ast
import contextlib
import io
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import attrs

_BLOCK = re.compile(
    r"^\.\. code-block:: (?P<language>\w+)\n(?:   :caption: (?P<file>\S+)\n)?\n(?P<code>(?:(?: {3}.*)?\n)+)",
    re.MULTILINE,
)


@attrs.frozen
class Block:
    """One code block.

    Attributes:
        language: ``"python"``, ``"sh"``, or ``"text"`` for what the block before it prints.
        file: What the reader saves it as; None for a block that runs where it stands.
    """

    language: str
    file: str | None
    code: str


def blocks(page: Path) -> Iterator[Block]:
    """The code blocks of a page, in order."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield Block(found["language"], found["file"], textwrap.dedent(found["code"]).strip() + "\n")


async def run(code: str, names: dict[str, Any]) -> str:
    """Run a Python block, ``await`` allowed outside functions; returns what it prints."""
    compiled = compile(code, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(compiled, CodeType)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        if (waiting := eval(compiled, names)) is not None:
            await waiting
    return printed.getvalue()


def fits(printed: str, shown: str) -> bool:
    """Whether a block printed what the page shows, where ``…`` stands for anything on one line."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("…"))
    return re.fullmatch(pattern, printed.strip()) is not None
