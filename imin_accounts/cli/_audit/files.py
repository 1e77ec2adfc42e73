"""A report in its place: the page, and beside it a folder with the whole of each table that is folded on it.

The folder is called as the page, with ``_files`` at its end, as browsers call what belongs to a page. Its
files have new names each time, and the page takes its place after them: so whichever page stands there, its
files do too. Then those of an earlier page go.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from imin_accounts.cli._audit.findings import Audit
from imin_accounts.cli._audit.page import long_tables, report
from imin_accounts.cli._export.text import Csv
from imin_accounts.cli._files import CannotWrite, replacing

_OURS = re.compile(r"[a-z_]+-[0-9a-f]{16}\.csv")


def write_report(page: Path, audit: Audit, *, sources: Sequence[Path | None] = ()) -> None:
    """Write the page and its files, or nothing of it.

    Args:
        sources: What must not be removed, even if it is a file of an earlier page.

    Raises:
        CannotWrite: Such as for want of room. What stood there before still does.
    """
    tables = long_tables(audit)
    folder = page.with_name(f"{page.stem}_files")
    run = token_hex(8)
    files = {name: folder / f"{name}-{run}.csv" for name in tables}
    try:
        with replacing(page) as new:
            if files:
                _make(folder)
            for name, rows in tables.items():
                with replacing(files[name]) as file:
                    file.write_bytes(_csv(rows))
            links = {name: f"{quote(folder.name)}/{file.name}" for name, file in files.items()}
            new.write_text(report(audit, links), encoding="utf-8")
    except BaseException:
        _remove(folder, list(files.values()))
        raise
    if folder.is_dir() and not folder.is_symlink():
        earlier = [each for each in folder.iterdir() if _OURS.fullmatch(each.name)]
        _remove(
            folder, [each for each in earlier if each not in files.values() and not _is_any(each, sources)]
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(0o700, exist_ok=True)
    except OSError as error:
        raise CannotWrite(folder, error) from None
    if folder.is_symlink():
        raise CannotWrite(folder, "it is a link")


def _csv(rows: list[dict[str, Any]]) -> bytes:
    """As an export's: safe to open in a spreadsheet."""
    header: dict[str, Any] = {name: name for name in rows[0]}
    return Csv().write(
        [header, *({key: None if each == "" else each for key, each in row.items()} for row in rows)]
    )


def _remove(folder: Path, files: Sequence[Path]) -> None:
    """As far as they are there; and the folder, if nothing is left in it."""
    with suppress(OSError):
        for file in files:
            file.unlink(missing_ok=True)
        folder.rmdir()


def _is_any(file: Path, others: Sequence[Path | None]) -> bool:
    with suppress(OSError):  # one of them is not there
        return any(other is not None and other.exists() and other.samefile(file) for other in others)
    return True
