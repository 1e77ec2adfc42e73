"""A page of the documentation: its code blocks, and how a reader would run them."""

import contextlib
import io
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import attrs

_BLOCK = re.compile(
    r"^\.\. code-block:: (?P<language>\w+)\n(?:   :caption: (?P<file>\S+)\n)?\n(?P<code>(?:(?: {3}.*)?\n)+)",
    re.MULTILINE,
)
_FENCED = re.compile(r"^```(?P<language>\w+)\n(?P<code>(?:# (?P<file>[\w.]+\.py)\n)?.*?)^```$", re.M | re.S)


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
    """The code blocks of a page, in order. In Markdown a block's first line names its file, if any."""
    pattern = _FENCED if page.suffix == ".md" else _BLOCK
    for found in pattern.finditer(page.read_text(encoding="utf-8")):
        yield Block(found["language"], found["file"], textwrap.dedent(found["code"]).strip() + "\n")


def run(code: str) -> str:
    """Run a Python block as a program of its own would run; returns what it prints.

    Nothing is there but what the block itself brings, and ``await`` stands in functions only.
    """
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "block", "exec"), {"__name__": "__main__"})
    return printed.getvalue()


def fits(printed: str, shown: str) -> bool:
    """Whether a block printed what the page shows, where ``…`` stands for anything on one line."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("…"))
    return re.fullmatch(pattern, printed.strip()) is not None
