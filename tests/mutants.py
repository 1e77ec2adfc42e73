"""Breaks the package in small ways, a seeded sample of them, and sees whether a test falls.

``python -m tests.mutants --count 300``: first all tests once, to learn which of them run which line, then
for each mutant those that run its line, the most specific first, for some seconds. What survives is printed;
if nothing can tell it from the original, it stands in ``tests/equivalent_mutants.txt`` with its reason. Texts
are left alone, since what a message says is for people; so are annotations and decorators.
"""

import argparse
import ast
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from random import Random
from xml.etree import ElementTree

import attrs
import pytest
from coverage import Coverage
from coverage.numbits import numbits_to_nums

from tests.paths import ROOT

SECONDS = 25.0  # of tests for a mutant, as long as they took unbroken
NOT_RUN = ("tests/browser", "tests/docs", "tests/examples", "tests/proofs")
READING = ["tests/test_exported_names.py"]
"""Tests that look at what modules define, such as defaults, and run none of their lines."""
EQUIVALENT = ROOT / "tests" / "equivalent_mutants.txt"
OPPOSITES: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
}


@attrs.frozen
class Mutant:
    """One change: ``new`` instead of ``old`` from ``start`` to ``end``, each a line and a column in bytes."""

    file: str
    place: str
    start: tuple[int, int]
    end: tuple[int, int]
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file}::{self.place}: {' '.join(self.old.split())} -> {' '.join(self.new.split())}"

    def lot(self, seed: int) -> float:
        """Its place in a sample. It is its own: that other code has changed gives no other sample."""
        return Random(f"{seed} {self}").random()

    def applied(self) -> bytes:
        """The file's text with the change."""
        lines = (ROOT / self.file).read_bytes().splitlines(keepends=True)
        (first, left), (last, right) = self.start, self.end
        head, tail = lines[first - 1][:left], lines[last - 1][right:]
        new = self.new if self.new.startswith(("pass", "return", "break", "continue")) else f"({self.new})"
        return b"".join([*lines[: first - 1], head, new.encode(), tail, *lines[last:]])


def mutants(file: Path) -> Iterator[Mutant]:
    """Each small change of a module."""
    text = file.read_text(encoding="utf-8")
    name = str(file.relative_to(ROOT))

    def walk(node: ast.AST, place: str) -> Iterator[Mutant]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            place = f"{place}.{node.name}".lstrip(".")
        for new in _changes(node):
            assert isinstance(node, ast.expr | ast.stmt)
            start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
            yield Mutant(name, place, start, end, ast.get_source_segment(text, node) or "", new)
        for field, value in ast.iter_fields(node):
            if field not in (
                "annotation",
                "returns",
                "decorator_list",
                "type_params",
                "bases",
                "keywords_only",
            ):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                        yield from walk(child, place)

    yield from walk(ast.parse(text), "")


def _changes(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPPOSITES:
            yield ast.unparse(ast.Compare(left, [OPPOSITES[type(op)]()], [right]))  # type: ignore[list-item]
        case ast.BoolOp(op=op, values=values):
            yield ast.unparse(ast.BoolOp(OPPOSITES[type(op)](), values))  # type: ignore[arg-type]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPPOSITES and not _is_text(left, right):
            yield ast.unparse(ast.BinOp(left, OPPOSITES[type(op)](), right))  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield ast.unparse(operand)
        case ast.Constant(value=bool() as value):
            yield str(not value)
        case ast.Constant(value=int() | float() as value):
            yield str(value + 1)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.unparse(ast.IfExp(test, orelse, body))
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield "return None"
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Raise(exc=ast.expr()):
            yield "pass"
        case ast.Assign(targets=[ast.Attribute()]):
            yield "pass"
        case ast.Break():
            yield "continue"
        case ast.Continue():
            yield "break"


def _is_text(*nodes: ast.expr) -> bool:
    return any(
        isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str | bytes)
        for node in nodes
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Each test is a context: by the stack, coverage would not find whose a task's lines are."""
    if (measured := Coverage.current()) is not None:
        measured.switch_context(f"{getattr(item, 'module').__name__}.{item.name.partition('[')[0]}")  # noqa: B009
    return (yield)


@attrs.frozen
class Tests:
    """Which tests run a line, as learned by running all of them once."""

    by_line: Mapping[tuple[str, int], list[str]]
    by_file: Mapping[str, list[str]]
    at_import: Set[tuple[str, int]]
    seconds: Mapping[str, float]

    @classmethod
    def learned(cls, folder: Path) -> "Tests":
        """Run the tests, each a context of its own."""
        settings = (
            "[run]",
            "source = imin_accounts",
            f"data_file = {folder}/data",
        )
        (folder / "coveragerc").write_text("\n".join(settings), encoding="utf-8")
        run = [
            "coverage",
            "run",
            f"--rcfile={folder}/coveragerc",
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.mutants",
            f"--junitxml={folder}/times.xml",
        ]
        subprocess.run(
            [sys.executable, "-m", *run, *(f"--ignore={path}" for path in NOT_RUN)], cwd=ROOT, check=True
        )
        seconds = defaultdict[str, float](float)
        for case in ElementTree.parse(folder / "times.xml").iter("testcase"):
            seconds[f"{case.get('classname')}.{str(case.get('name')).partition('[')[0]}"] += float(
                case.get("time", 0)
            )
        by_line, size = defaultdict[tuple[str, int], list[str]](list), defaultdict[str, int](int)
        by_file, at_import = defaultdict[str, Counter[str]](Counter), set[tuple[str, int]]()
        with sqlite3.connect(folder / "data") as data:
            rows = data.execute(
                "SELECT path, context, numbits FROM line_bits"
                " JOIN file ON file.id = file_id JOIN context ON context.id = context_id"
            )
            for path, context, numbits in rows:
                file, lines = str(Path(path).relative_to(ROOT)), numbits_to_nums(numbits)
                if context in seconds:
                    for line in lines:
                        by_line[file, line].append(context)
                    size[context] += len(lines)
                    by_file[file][context] += len(lines)
                else:
                    at_import.update((file, line) for line in lines)
        for tests in by_line.values():
            tests.sort(key=size.__getitem__)
        most = {file: [test for test, _ in tests.most_common()] for file, tests in by_file.items()}
        return cls(by_line, most, at_import, seconds)

    def of(self, mutant: Mutant) -> list[str]:
        """The tests to run, as pytest names them: its module's, its room's, then those that run few lines.

        At last all of its module's, since some of them start processes, of which nobody sees what they run.

        What runs when a module is imported, such as a class's fields, concerns all who use the module: those
        first who run the most of it, and those who only look. (Of a default's line nobody knows who runs it.)
        """
        place = mutant.file, mutant.start[0]
        tests = self.by_line.get(place, [])
        is_seen = place not in self.at_import and bool(tests)
        if not is_seen:
            tests = [*dict.fromkeys([*self.by_file.get(mutant.file, []), *tests])]
        near = [".".join(path.with_suffix("").parts) for path in mirrored(mutant.file)]
        chosen, spent = list[str](), 0.0
        for test in sorted(tests, key=lambda test: [not test.startswith(f"{name}.") for name in near]):
            if len(chosen) < 5 or spent + self.seconds[test] <= SECONDS:  # on a busy machine all take long
                spent += self.seconds[test]
                module, _, name = test.rpartition(".")
                chosen.append(f"{module.replace('.', '/')}.py::{name}")
        own, _ = mirrored(mutant.file)
        if not chosen or (ROOT / own).exists():
            chosen.append(str(next(path for path in (own, *own.parents) if (ROOT / path).exists())))
        return chosen if is_seen else [*chosen, *READING]


def mirrored(file: str) -> tuple[Path, Path]:
    """Where the tests of a module and of its room are: their tree mirrors the package's."""
    *rooms, name = (part.strip("_") for part in Path(file).with_suffix("").parts[1:])
    room = Path("tests", *rooms)
    return room / f"test_{name}.py", room


def survives(mutant: Mutant, tests: list[str], copy: Path) -> bool:
    """Whether no test falls in ``copy`` of the checkout; one that hangs has fallen."""
    target = copy / mutant.file
    before = target.read_bytes()
    target.write_bytes(mutant.applied())
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout=30", *tests]
    try:
        return (
            subprocess.run(
                command,
                cwd=copy,
                # Compiled files are told from older ones by size and second, which are not enough here.
                env=os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                timeout=6 * SECONDS,
            ).returncode
            == 0
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        target.write_bytes(before)


def main() -> int:
    """Print what survived; exit code 1 where fewer than ``--at-least`` of the mutants fell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--at-least", type=float, default=0.9, help="the share that has to fall")
    parser.add_argument("files", nargs="*", help="only of these files")
    options = parser.parse_args()
    files = [Path(file).resolve() for file in options.files] or sorted((ROOT / "imin_accounts").rglob("*.py"))
    known = {line.partition("  # ")[0] for line in EQUIVALENT.read_text(encoding="utf-8").splitlines()}
    candidates = [mutant for file in files for mutant in mutants(file) if str(mutant) not in known]
    sample = sorted(candidates, key=lambda mutant: mutant.lot(options.seed))[: options.count]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        tests, copies = Tests.learned(Path(folder)), SimpleQueue[Path]()
        for job in range(options.jobs):
            copy = Path(folder, f"copy-{job}")
            shutil.copytree(
                ROOT, copy, ignore=shutil.ignore_patterns(".git", ".nox", "build", ".*_cache", ".venv*")
            )
            copies.put(copy)

        def check(mutant: Mutant) -> Mutant | None:
            copy = copies.get()
            try:
                return mutant if survives(mutant, tests.of(mutant), copy) else None
            finally:
                copies.put(copy)

        survivors = []
        for number, survivor in enumerate(pool.map(check, sample), 1):
            if survivor:
                survivors.append(survivor)
                print(f"survived: {survivor.file}:{survivor.start[0]}  {survivor}", flush=True)
            if number % 25 == 0:
                print(f"{number} of {len(sample)}: {len(survivors)} survived", file=sys.stderr, flush=True)
    fallen = 1 - len(survivors) / len(sample)
    print(f"{len(sample)} mutants of {len(candidates):,}: {fallen:.1%} fell")
    return int(fallen < options.at_least)


if __name__ == "__main__":
    sys.exit(main())
