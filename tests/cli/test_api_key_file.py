"""The file with the API key, whoever wrote it."""

from pathlib import Path

import pytest

from imin_accounts.fake import FakeImin, add_rosie
from tests.cli.commands import run


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_byte_order_mark_is_no_part_of_it(
    encoding: str, end: str, tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Notepad writes one, and PowerShell writes UTF-16."""
    add_rosie(fake_imin)
    file = tmp_path / "key"
    file.write_bytes(f"test-key{end}".encode(encoding))
    options = ("--api-key-file", str(file), "--base-url", imin_server)
    assert run(*options, "accounts", "rosie").code == 0


def test_the_one_that_the_environment_names_may_have_one_too(
    tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """In UTF-8."""
    add_rosie(fake_imin)
    file = tmp_path / "key"
    file.write_bytes("test-key\n".encode("utf-8-sig"))
    env = {"IMIN_API_KEY_FILE": str(file), "IMIN_BASE_URL": imin_server}
    assert run("accounts", "rosie", env=env).code == 0


@pytest.mark.parametrize("content", [b"\xe9secret", b"\xff\xfes", b"\xff"])
def test_what_is_no_text_is_told_without_it(content: bytes, tmp_path: Path) -> None:
    """By the file's name."""
    file = tmp_path / "key"
    file.write_bytes(content)
    ran = run("accounts", "rosie", "--api-key-file", str(file))
    assert (ran.code, ran.err) == (
        4,
        f"Error: can't read {file}: it is not UTF-8: an API key is plain ASCII text.\n",
    )
