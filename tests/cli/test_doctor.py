"""``imin-accounts doctor``: as a process, against an imin that is well and against whatever else there is."""

import json
import os
import subprocess
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from imin_accounts.fake import Drift, Drifted, FakeImin, Rule, add_rosie
from imin_accounts.transports._options import MAX_BODY
from tests.cli.commands import run
from tests.cli.doctor_servers import DOCUMENT, certified, reply, self_signed, serving
from tests.cli.processes import COMMAND
from tests.ports import free_port

KEY = "key-that-nobody-may-see"
HTML = "text/html; charset=utf-8"
PAGE = b"<html><form action='/login'>Welcome to the hotel</form></html>"
WAY = ["key", "address", "name", "connection", "tls"]
ALL = [*WAY, "reads", "clock", "key accepted", "customer"]


@attrs.frozen
class Diagnosis:
    """What the doctor said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """All of it, where ``--json`` was asked for."""
        said: dict[str, Any] = json.loads(self.out)
        return said

    def check(self, name: str) -> dict[str, Any]:
        """One check; KeyError where there is none."""
        checks: dict[str, dict[str, Any]] = {check["check"]: check for check in self.json["checks"]}
        return checks[name]

    @property
    def statuses(self) -> dict[str, str]:
        """Those that are not ok."""
        return {each["check"]: each["status"] for each in self.json["checks"] if each["status"] != "ok"}


def diagnose(base_url: str, *arguments: str, **env: str) -> Diagnosis:
    """Run ``imin-accounts doctor`` as a process; with ``--json`` unless told otherwise."""
    own = {"IMIN_BASE_URL": base_url, "IMIN_API_KEY": KEY, "IMIN_API_KEY_FILE": "", **env}
    ran = subprocess.run(
        [*COMMAND, "doctor", *(arguments or ("1234", "--json"))],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert KEY not in ran.stdout + ran.stderr
    return Diagnosis(ran.returncode, ran.stdout, ran.stderr)


def diagnose_here(base_url: str, *arguments: str, **env: str) -> Diagnosis:
    """The same in this process: for what is found out before anything is sent."""
    own = {"IMIN_BASE_URL": base_url, "IMIN_API_KEY": KEY, **env}
    ran = run("doctor", *(arguments or ("1234", "--json")), env=own)
    assert KEY not in ran.out + ran.err
    return Diagnosis(ran.code, ran.out, ran.err)


def diagnose_rosie(base_url: str, *arguments: str) -> Diagnosis:
    """The same of the emulator's Rosie."""
    return diagnose(base_url, "rosie", *arguments, IMIN_API_KEY="test-key")


# -- an imin that is well


def test_all_is_well(imin_server: str, fake_imin: FakeImin) -> None:
    """A line for each, ok; exit code 0; three reads and nothing else; and that http has no TLS."""
    add_rosie(fake_imin)
    ran = diagnose_rosie(imin_server)
    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert [line[:8].strip() for line in lines] == ["ok"] * 9
    assert [line[9:22].strip() for line in lines] == ALL
    assert lines[1].endswith("/api/v2")
    assert "none: http" in lines[4]
    assert "3 sellers (1 connected, 1 unconnected, 1 no account); 0 problems; drift: none" in lines[8]
    assert [each.method for each in fake_imin.requests] == ["GET"] * 3


def test_json_has_the_same_with_figures(imin_server: str, fake_imin: FakeImin) -> None:
    """State counts, bytes, seconds; how many requests were made."""
    add_rosie(fake_imin)
    ran = diagnose_rosie(imin_server, "--json")
    assert [check["check"] for check in ran.json["checks"]] == ALL
    assert (ran.json["worst"], ran.json["requests"], ran.json["not_looked_at"]) == ("ok", 3, [])
    assert {key: ran.check("customer")[key] for key in ("connected", "unconnected", "no_account")} == {
        "connected": 1,
        "unconnected": 1,
        "no_account": 1,
    }
    assert ran.check("customer")["bytes"] > 1000
    assert len(ran.check("reads")["seconds"]) == 3
    assert ran.check("key")["place"] == "IMIN_API_KEY"


def test_without_a_customer_imin_is_asked_for_nobody(imin_server: str, fake_imin: FakeImin) -> None:
    """That it knows no such one tells that it takes the key; each time it is another who does not exist."""
    ran = diagnose(imin_server, "--json", IMIN_API_KEY="test-key")
    again = diagnose(imin_server, "--json", IMIN_API_KEY="test-key")
    assert (ran.code, ran.statuses, ran.json["not_looked_at"]) == (0, {}, ["customer"])
    assert again.code == 0
    assert len({each.customer for each in fake_imin.requests}) == 2
    assert len(fake_imin.requests) <= 10


def test_a_reply_that_can_not_be_read_whole_is_a_warning(imin_server: str, fake_imin: FakeImin) -> None:
    """How many problems, what is not documented, and how to see more; exit code 3."""
    add_rosie(fake_imin)
    fake_imin.faults.add(Rule(Drifted(Drift.BAD_VALUES)))
    ran = diagnose_rosie(imin_server, "--json")
    assert (ran.code, ran.statuses) == (3, {"customer": "warning"})
    assert ran.check("customer")["problems"] > 0
    assert "imin-accounts read" in ran.check("customer")["advice"]


# -- the key


def test_no_key(imin_server: str, fake_imin: FakeImin) -> None:
    """Failed, exit code 4; the way is looked at all the same, and nothing is asked of imin."""
    ran = diagnose(imin_server, IMIN_API_KEY="")
    assert (ran.code, ran.statuses) == (4, {"key": "failed"})
    assert [check["check"] for check in ran.json["checks"]] == WAY
    assert fake_imin.requests == ()


KEYS = {
    "two places": ({"IMIN_API_KEY_FILE": "{file}"}, "IMIN_API_KEY and IMIN_API_KEY_FILE"),
    "no such file": ({"IMIN_API_KEY": "", "IMIN_API_KEY_FILE": "/no/such/file"}, "IMIN_API_KEY_FILE"),
    "two words": ({"IMIN_API_KEY": "two words"}, "IMIN_API_KEY"),
}


@pytest.mark.parametrize(("env", "place"), KEYS.values(), ids=KEYS)
def test_a_key_that_can_not_be_used(
    imin_server: str, tmp_path: Path, env: dict[str, str], place: str
) -> None:
    """Failed, with where it was looked for and why it is none."""
    file = tmp_path / "key"
    file.write_text(KEY)
    ran = diagnose_here(imin_server, **{name: value.format(file=file) for name, value in env.items()})
    assert (ran.code, ran.check("key")["status"], ran.check("key")["place"]) == (4, "failed", place)


def test_a_key_in_a_file(imin_server: str, tmp_path: Path) -> None:
    """Where it is from is told, whichever way it was named."""
    file = tmp_path / "key"
    file.write_text("test-key\n")
    named = diagnose_here(imin_server, "--api-key-file", str(file), "--json")
    assert (named.code, named.check("key")["place"]) == (0, f"--api-key-file {file}")
    assert diagnose_here(imin_server, "--json", IMIN_API_KEY="", IMIN_API_KEY_FILE=str(file)).code == 0


def test_a_wrong_key(imin_server: str, fake_imin: FakeImin) -> None:
    """Failed, exit code 4, after one request: to go on would look like an attack."""
    ran = diagnose(imin_server)
    assert (ran.code, ran.statuses) == (4, {"key accepted": "failed"})
    assert len(fake_imin.requests) == 1


def test_an_unknown_customer(imin_server: str) -> None:
    """The key was taken; exit code 1, and whose identifier it has to be."""
    ran = diagnose(imin_server, "9999", "--json", IMIN_API_KEY="test-key")
    assert (ran.code, ran.statuses) == (1, {"customer": "failed"})
    assert "Create Customer Account" in ran.check("customer")["advice"]


def test_a_customer_who_can_not_be_asked_for(imin_server: str, fake_imin: FakeImin) -> None:
    """Exit code 2, and nothing was sent."""
    ran = diagnose_here(imin_server, "..", "--json")
    assert (ran.code, ran.statuses, fake_imin.requests) == (2, {"customer": "failed"}, ())


# -- the way


@pytest.mark.parametrize("base_url", ["http://elsewhere.example", "ftp://localhost", "https://a b"])
def test_an_address_that_can_be_none(base_url: str) -> None:
    """Exit code 2, before any step is taken."""
    ran = diagnose_here(base_url)
    assert (ran.code, ran.statuses) == (2, {"address": "failed"})


def test_a_host_that_does_not_resolve() -> None:
    """Exit code 5; what follows was not looked at, and it says so."""
    ran = diagnose("https://imin.invalid")
    assert (ran.code, ran.statuses) == (5, {"name": "failed"})
    assert ran.json["not_looked_at"] == ALL[3:]


def test_a_refused_connection() -> None:
    """Exit code 5."""
    ran = diagnose(f"http://127.0.0.1:{free_port()}")
    assert (ran.code, ran.statuses) == (5, {"connection": "failed"})
    assert "refused" in ran.check("connection")["text"]


def test_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    """TLS's version, who signed, and the days left; the reads go over it too."""
    tls, env = certified(tmp_path, "localhost")
    with serving(lambda _: reply("200 OK", DOCUMENT), tls) as server:
        ran = diagnose(f"https://localhost:{server.port}", "1234", "--json", **env)
    assert (ran.code, ran.statuses, server.requests) == (0, {}, 3)
    assert (ran.check("tls")["version"], ran.check("tls")["days_left"]) == ("TLSv1.3", 89)
    assert "trustme" in ran.check("tls")["issuer"]


def test_a_certificate_that_ends_soon(tmp_path: Path) -> None:
    """A warning, while there is time."""
    tls, env = certified(tmp_path, "localhost", ends=timedelta(days=5, hours=1))
    with serving(lambda _: reply("200 OK", DOCUMENT), tls) as server:
        ran = diagnose(f"https://localhost:{server.port}", "1234", "--json", **env)
    assert (ran.code, ran.statuses, ran.check("tls")["days_left"]) == (3, {"tls": "warning"}, 5)


CERTIFICATES = {
    "expired": ({"name": "localhost", "ends": timedelta(days=-1)}, "expired", "clock"),
    "wrong name": ({"name": "other.example"}, "mismatch", "base URL"),
    "unknown authority": ({"name": "localhost", "trusted": False}, "certificate", "SSL_CERT_FILE"),
}


@pytest.mark.parametrize(("made", "why", "advice"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_a_certificate_that_is_not_trusted(
    tmp_path: Path, made: dict[str, Any], why: str, advice: str
) -> None:
    """Failed, exit code 5, each with its own reason; no key was sent."""
    tls, env = certified(tmp_path, **made)
    with serving(lambda _: reply("200 OK", DOCUMENT), tls) as server:
        ran = diagnose(f"https://localhost:{server.port}", "1234", "--json", **env)
    assert (ran.code, ran.statuses, server.requests) == (5, {"tls": "failed"}, 0)
    assert why in ran.check("tls")["text"]
    assert advice in ran.check("tls")["advice"]


def test_a_self_signed_certificate(tmp_path: Path) -> None:
    """Failed: nobody has signed it."""
    with serving(lambda _: reply("200 OK", DOCUMENT), self_signed(tmp_path)) as server:
        ran = diagnose(f"https://localhost:{server.port}")
    assert (ran.code, ran.statuses, server.requests) == (5, {"tls": "failed"}, 0)
    assert "self-signed" in ran.check("tls")["text"]


def test_https_where_http_is_spoken(imin_server: str) -> None:
    """Failed: no TLS there."""
    ran = diagnose(imin_server.replace("http://", "https://"))
    assert (ran.code, ran.statuses) == (5, {"tls": "failed"})
    assert "port" in ran.check("tls")["advice"]


# -- what answers


ANSWERS: dict[str, tuple[tuple[Any, ...], int, str]] = {
    "captive portal": (("200 OK", PAGE, HTML), 1, "log-in page"),
    "log-in page": (("302 Found", PAGE, HTML, "Location: http://portal.example/"), 1, "log-in page"),
    "redirect": (("301 Moved", b"", "text/plain", "Location: https://elsewhere.example/"), 1, "base URL"),
    "wrong path": (("404 Not Found", PAGE, HTML), 1, "base URL"),
    "proxy that wants a log-in": (("407 Proxy Authentication Required", PAGE, HTML), 1, "proxy"),
    "gateway": (("502 Bad Gateway", b"{}"), 1, "gateway"),
    "gateway's page": (("502 Bad Gateway", PAGE, HTML), 1, "web page"),
    "throttled": (("429 Too Many Requests", b"{}", "application/json", "Retry-After: 30"), 1, "throttled"),
    "failing": (("500 Internal Server Error", b"{}"), 1, "tell imin"),
}


@pytest.mark.parametrize(("answer", "code", "advice"), ANSWERS.values(), ids=ANSWERS)
def test_something_else_answers(answer: tuple[Any, ...], code: int, advice: str) -> None:
    """The reads failed; what it is and what to do; nothing of the page is printed."""
    with serving(lambda _: reply(*answer)) as server:
        ran = diagnose(f"http://127.0.0.1:{server.port}")
    assert (ran.code, ran.statuses) == (code, {"reads": "failed"})
    assert advice in ran.check("reads")["advice"]
    assert "hotel" not in ran.out
    assert server.requests <= 3


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP", id="no HTTP"),
        pytest.param(b"", "no answer", id="dropped"),
        pytest.param(reply("200 OK", b" " * (MAX_BODY + 1)), "never so large", id="too large"),
    ],
)
def test_nothing_answers(answer: bytes, advice: str) -> None:
    """The reads failed, exit code 5, after one request."""
    with serving(lambda _: answer) as server:
        ran = diagnose(f"http://127.0.0.1:{server.port}")
    assert (ran.code, ran.statuses, server.requests) == (5, {"reads": "failed"}, 1)
    assert advice in ran.check("reads")["advice"]


def test_http_where_tls_is_spoken(tmp_path: Path) -> None:
    """The reads failed, with the hint; it is not for imin to mend alone."""
    tls, _ = certified(tmp_path, "localhost")
    with serving(lambda _: reply("200 OK", DOCUMENT), tls) as server:
        ran = diagnose(f"http://127.0.0.1:{server.port}")
    assert (ran.code, ran.statuses) == (5, {"reads": "failed"})
    assert "If it speaks TLS, the base URL has to begin with https." in ran.check("reads")["advice"]


REPLIES = {
    "no collection": (b'{"rosie": 1}', 1, "--redact"),
    "somebody else's": (DOCUMENT.replace(b"1234", b"5678"), 1, "mixes up"),
    "nobody's": (b'{"@type": "imin:Collection"}', 3, "whom it is about"),
}


@pytest.mark.parametrize(("body", "code", "advice"), REPLIES.values(), ids=REPLIES)
def test_a_reply_that_is_odd(body: bytes, code: int, advice: str) -> None:
    """imin answered and took the key; what it said is the matter."""
    with serving(lambda _: reply("200 OK", body)) as server:
        ran = diagnose(f"http://127.0.0.1:{server.port}")
    assert (ran.code, [*ran.statuses]) == (code, ["customer"])
    assert advice in ran.check("customer")["advice"]
    assert "rosie" not in ran.out


CLOCKS = {
    "ahead": (timedelta(minutes=-2), 3, "warning", "ahead of"),
    "behind": (timedelta(minutes=2), 3, "warning", "behind"),
    "far off": (timedelta(days=1), 1, "failed", "behind"),
}


@pytest.mark.parametrize(("ahead", "code", "status", "words"), CLOCKS.values(), ids=CLOCKS)
def test_a_clock_that_is_wrong(ahead: timedelta, code: int, status: str, words: str) -> None:
    """A warning from five seconds on, failed from five minutes on."""
    with serving(lambda _: reply("200 OK", DOCUMENT, ahead=ahead)) as server:
        ran = diagnose(f"http://127.0.0.1:{server.port}")
    assert (ran.code, ran.statuses) == (code, {"clock": status})
    assert words in ran.check("clock")["text"]
    assert ran.check("clock")["seconds_ahead"] == round(ran.check("clock")["seconds_ahead"], 1)
    assert "NTP" in ran.check("clock")["advice"]


def test_a_slow_imin() -> None:
    """A warning where any of the three reads takes over a second."""
    never = threading.Event()

    def answer(nth: int) -> bytes:
        never.wait(1.05 if nth == 3 else 0)
        return reply("200 OK", DOCUMENT)

    with serving(answer) as server:
        ran = diagnose(f"http://127.0.0.1:{server.port}")
    assert (ran.code, ran.statuses) == (3, {"reads": "warning"})


def test_an_imin_that_never_answers() -> None:
    """Failed, exit code 5, after the time that a call has; not after three times that."""
    never = threading.Event()
    with serving(lambda _: bytes(never.wait(60))) as server:
        ran = diagnose(f"http://127.0.0.1:{server.port}", "1234", "--json", "--timeout", "0.3")
        assert (ran.code, ran.statuses, server.requests) == (5, {"reads": "failed"}, 1)
        never.set()


def test_colour_is_for_terminals_that_want_it(imin_server: str) -> None:
    """None in a pipe, none with NO_COLOR; every status stands there as a word."""
    assert "\x1b[" not in diagnose(imin_server, "1234").out
    assert "\x1b[3" in diagnose(imin_server, "1234", FORCE_COLOR="1", TERM="xterm").out
    assert "\x1b[3" not in diagnose(imin_server, "1234", FORCE_COLOR="1", TERM="xterm", NO_COLOR="1").out


def test_http_to_another_machine(fake_imin: FakeImin) -> None:
    """A warning: everybody on the way can read the key."""
    with serving(lambda _: reply("200 OK", DOCUMENT)) as server:
        base = f"http://0.0.0.0:{server.port}"  # this machine, by a name that is not loopback's
        ran = diagnose(base, "1234", "--json", IMIN_INSECURE_HTTP="1")
    assert (ran.code, ran.statuses) == (3, {"tls": "warning"})
    assert "a network of your own" in ran.check("tls")["advice"]


@pytest.mark.parametrize("date", ["", "Date: yesterday\r\n"])
def test_a_reply_without_a_date(date: str) -> None:
    """A warning: nobody can tell whether this machine's clock is right."""

    def undated(_: int) -> bytes:
        head, _sep, body = reply("200 OK", DOCUMENT).partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Date:")]
        return b"\r\n".join(lines) + b"\r\n" + date.encode() + b"\r\n" + body

    with serving(undated) as server:
        ran = diagnose(f"http://127.0.0.1:{server.port}", "1234", "--json")
    assert (ran.code, ran.statuses) == (3, {"clock": "warning"})
    assert ran.check("clock")["text"] == "the reply has no date"
