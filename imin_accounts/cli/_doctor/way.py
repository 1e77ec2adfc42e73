"""The way to imin, step by step: the name, the connection, TLS. Nothing is asked of imin here.

A transport says in one word why there was no connection; here each step is taken by itself, with the same
resolver and the same trust, so that the one that fails can be told in words.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from yarl import URL

from imin_accounts.cli._doctor.check import Check
from imin_accounts.cli._failures import PARTLY_DONE, UNREACHABLE
from imin_accounts.cli._output import count_text

_FEW_DAYS = 14


def checks_of_the_way(base: URL, timeout: float) -> Iterator[Check]:
    """One check for each step, up to the first that fails.

    Args:
        base: Where the API is: scheme, host and port count.
        timeout: Seconds for a connection.
    """
    host, port = base.raw_host or "", base.port or 443
    with ExitStack() as stack:
        named = _name(host, port)
        yield named
        if named.status == "failed":
            return
        connected, connection = _connection(host, port, timeout)
        yield connected
        if connection is None:
            return
        stack.enter_context(connection)
        if base.scheme == "https":
            yield _tls(connection, host)
        elif all(each == "127.0.0.1" or each == "::1" for each in named.facts["addresses"]):
            yield Check("tls", "ok", "none: http, which stays on this machine", facts={"version": None})
        else:
            advice = "Everybody on the way can read the API key: use this in a network of your own only."
            yield Check("tls", "warning", "none: http", advice, {"version": None}, PARTLY_DONE)


def _name(host: str, port: int) -> Check:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no name"
        return Check(
            "name",
            "failed",
            f"{host} has no address ({reason})",
            "Check the spelling of the base URL, this machine's network and its name server.",
            exit_code=UNREACHABLE,
        )
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    more = f" and {len(addresses) - 1} more" if addresses[1:] else ""
    text = f"{host} is {addresses[0]}{more}" if addresses != [host] else f"none: {host} is an address"
    return Check("name", "ok", text, facts={"addresses": addresses})


def _connection(host: str, port: int, timeout: float) -> tuple[Check, socket.socket | None]:
    start = time.monotonic()
    try:
        connection = socket.create_connection((host, port), timeout)
    except OSError as error:
        reason = (
            "nobody answers in time" if isinstance(error, TimeoutError) else error.strerror or "it failed"
        )
        advice = (
            "Nothing listens there: check the base URL's port, and whether the service runs."
            if isinstance(error, ConnectionRefusedError)
            else "Look for a firewall on the way. A proxy that the environment names is not used."
        )
        failed = Check(
            "connection", "failed", f"none to port {port}: {reason.lower()}", advice, {}, UNREACHABLE
        )
        return failed, None
    seconds = time.monotonic() - start
    text = f"to {connection.getpeername()[0]} port {port} in {milliseconds(seconds)}"
    return Check("connection", "ok", text, facts={"seconds": round(seconds, 4)}), connection


def _tls(connection: socket.socket, host: str) -> Check:
    try:
        with ssl.create_default_context().wrap_socket(connection, server_hostname=host) as secured:
            version, certificate = secured.version(), secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return Check(
            "tls",
            "failed",
            f"the certificate is not trusted: {error.verify_message}",
            _advice(error.verify_code),
            {"verify_code": error.verify_code},
            UNREACHABLE,
        )
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or type(error).__name__
        text = f"no agreement ({str(reason).replace('_', ' ').lower()})"
        advice = "What answers there does not speak TLS, or another version of it: check the base URL's port."
        return Check("tls", "failed", text, advice, exit_code=UNREACHABLE)
    days = int(ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) // 86_400
    text = f"{version}; the certificate, by {_issuer(certificate)}, has {count_text(days, 'day')} left"
    facts = {"version": version, "days_left": days, "issuer": _issuer(certificate)}
    if days < _FEW_DAYS:
        return Check("tls", "warning", text, "Ask whoever runs the host to renew it.", facts, PARTLY_DONE)
    return Check("tls", "ok", text, facts=facts)


def _advice(code: int) -> str:
    match code:
        case 10 | 9:
            return (
                "Check this machine's clock; if it is right, ask whoever runs the host for a new certificate."
            )
        case 62 | 64:
            return "The certificate is another host's: check the base URL; a log-in page may answer instead."
        case _:
            return (
                "Nobody whom this machine trusts has signed it. If a proxy of yours looks into TLS, let "
                "SSL_CERT_FILE name its authority's certificate; else don't send a key there."
            )


def _issuer(certificate: dict[str, Any]) -> str:
    names = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    return str(names.get("organizationName") or names.get("commonName") or "nobody who is named")


def milliseconds(seconds: float) -> str:
    """A time as a person reads it."""
    return f"{seconds * 1000:,.0f} ms"
