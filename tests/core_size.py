"""How much code the core is: what a service that only calls imin depends on. ``python -m tests.core_size``"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.paths import PACKAGE

NOT_CORE = {"__main__", "cli", "fake", "pytest_plugin", "testing"}
"""Rooms for tests and for people at a terminal."""


def core_files() -> Iterator[Path]:
    """The core's modules."""
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.relative_to(PACKAGE).parts[0].removesuffix(".py") not in NOT_CORE:
            yield file


def code_lines(text: str) -> int:
    """Lines that hold code: neither blank, nor comments, nor docstrings."""
    docstrings = set[int]()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str()), lineno=first, end_lineno=last):
                docstrings |= {*range(first, (last or first) + 1)}
    lines = enumerate(map(str.strip, text.splitlines()), 1)
    return sum(1 for number, line in lines if line and not line.startswith("#") and number not in docstrings)


def sizes() -> dict[str, int]:
    """Lines of code by module."""
    return {
        str(file.relative_to(PACKAGE)): code_lines(file.read_text(encoding="utf-8")) for file in core_files()
    }


if __name__ == "__main__":
    found = sizes()
    print("\n".join(f"{lines:5} {name}" for name, lines in found.items()))
    print(f"{sum(found.values()):5} in all, in {len(found)} modules")
