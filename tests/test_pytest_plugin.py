"""The fixtures work in anybody's tests, whichever way those run."""

import json
import subprocess
import sys
import threading
import tomllib
import urllib.request

import pytest

from imin_accounts import AccountsSession
from imin_accounts.fake import FakeImin
from imin_accounts.pytest_plugin import fake_imin, imin_server  # noqa: F401  (as if found by pytest)
from tests.paths import ROOT

pytest_plugins = ["pytester"]


# It wants to be told its loops' scope, and warns otherwise.
ASYNCIO = ["-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"]

AS_IN_THE_README = """
from imin_accounts import AccountsSession, UnconnectedAccount

{mark}
async def test_rosie_can_log_in(fake_imin):
    fake_imin.add_customer("rosie", email="rosie@example.com")
    fake_imin.add_seller("https://seller.example/1", name="Acme Leisure Centre")
    fake_imin.add_member("https://seller.example/1", "rosie@example.com")
    async with AccountsSession("test-key", transport=fake_imin) as session:
        (account,) = await session.get_seller_accounts("rosie")
    assert isinstance(account, UnconnectedAccount)

{mark}
async def test_the_same_over_http(fake_imin, imin_server):
    fake_imin.add_customer("rosie")
    async with AccountsSession("test-key", base_url=imin_server) as session:
        assert len(await session.get_seller_accounts("rosie")) == 0
"""

UNITTEST = """
import unittest
import pytest
from imin_accounts import AccountsSession

class TestRosie(unittest.IsolatedAsyncioTestCase):
    @pytest.fixture(autouse=True)
    def _imin(self, fake_imin, imin_server):
        self.fake, self.base_url = fake_imin, imin_server

    async def test_in_memory(self):
        self.fake.add_customer("rosie")
        async with AccountsSession("test-key", transport=self.fake) as session:
            assert len(await session.get_seller_accounts("rosie")) == 0

    async def test_over_http(self):
        self.fake.add_customer("rosie")
        async with AccountsSession("test-key", base_url=self.base_url) as session:
            assert len(await session.get_seller_accounts("rosie")) == 0
"""

SYNC = """
import json
import urllib.request

def ask(base_url):
    url = f"{base_url}/api/v2/customers/rosie/accounts"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"X-Api-Key": "test-key"})) as reply:
        return json.load(reply)

def test_one(fake_imin, imin_server):
    fake_imin.add_customer("rosie")
    fake_imin.add_seller("https://seller.example/1")
    assert len(ask(imin_server)["imin:item"]) == 1

def test_two(fake_imin, imin_server):
    assert fake_imin.requests == ()
    fake_imin.add_customer("rosie")
    assert "imin:item" not in ask(imin_server)
"""


@pytest.fixture
def theirs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A pytest without any plugin or settings but those that a test gives it, wherever its folder is."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]")
    return pytester


@pytest.mark.parametrize(
    ("options", "tests"),
    [
        pytest.param(
            [*ASYNCIO, "-o", "asyncio_mode=strict"],
            "import pytest\n" + AS_IN_THE_README.replace("{mark}", "@pytest.mark.asyncio"),
            id="pytest-asyncio strict",
        ),
        pytest.param(
            [*ASYNCIO, "-o", "asyncio_mode=auto"],
            AS_IN_THE_README.replace("{mark}", ""),
            id="pytest-asyncio auto",
        ),
        pytest.param(
            ["-p", "anyio"],
            "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
            + AS_IN_THE_README.replace("{mark}", "@pytest.mark.anyio"),
            id="anyio",
        ),
        pytest.param([], UNITTEST, id="unittest"),
        pytest.param([], SYNC, id="plain sync"),
    ],
)
def test_the_fixtures_work_under(
    theirs: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: list[str], tests: str
) -> None:
    """Two tests pass, without a warning, in a pytest that has our plugin and that runner alone."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    theirs.makepyfile(tests)
    result = theirs.runpytest_subprocess("-W", "error", "-p", "imin_accounts.pytest_plugin", *options)
    result.assert_outcomes(passed=2)


def test_a_server_that_can_not_start_is_an_error_of_its_test(theirs: pytest.Pytester) -> None:
    """With the reason; it does not hang, and leaves no thread behind."""
    theirs.makepyfile(
        """
        import pytest
        from imin_accounts.fake import FakeImin

        class Unserved(FakeImin):
            def serve(self):
                return super().serve(host="192.0.2.1")

        @pytest.fixture
        def fake_imin():
            return Unserved()

        def test_never_run(imin_server):
            pass
        """
    )
    threads = threading.active_count()
    result = theirs.runpytest_inprocess("-p", "imin_accounts.pytest_plugin")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*OSError*"])
    assert threading.active_count() == threads


def test_pytest_finds_the_plugin_by_itself() -> None:
    """The package declares it as an entry point."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"imin_accounts": "imin_accounts.pytest_plugin"}


def test_the_plugin_costs_nothing_until_used() -> None:
    """Every pytest run where the package is installed imports the plugin, so that imports nothing big."""
    code = "import sys, imin_accounts.pytest_plugin; print(*{'aiohttp', 'cattrs', 'orjson'} & {*sys.modules})"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


async def test_a_new_fake_for_each_test(fake_imin: FakeImin) -> None:  # noqa: F811
    """It is empty, takes the key "test-key", and repeats itself from run to run."""
    fake_imin.add_customer("rosie")
    async with AccountsSession("test-key", transport=fake_imin) as session:
        accounts = await session.get_seller_accounts("rosie")
    same = FakeImin(seed=0)
    same.add_customer("rosie")
    assert accounts.entitlement_filter == same.population.people["rosie"].entitlement_filter


def test_the_server_serves_the_fake(fake_imin: FakeImin, imin_server: str) -> None:  # noqa: F811
    """What is done to ``fake_imin`` is seen at the base URL."""
    fake_imin.add_customer("rosie")
    headers = {"X-Api-Key": "test-key"}
    sent = urllib.request.Request(f"{imin_server}/api/v2/customers/rosie/accounts", headers=headers)
    with urllib.request.urlopen(sent) as reply:
        assert json.load(reply)["@id"] == sent.full_url
    assert [received.status for received in fake_imin.requests] == [200]
