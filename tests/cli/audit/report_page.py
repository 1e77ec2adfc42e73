"""The audit's page, made of everything that there is to find."""

from datetime import timedelta

from imin_accounts import Fetched, from_jsonld
from imin_accounts.cli._audit.findings import Audit
from imin_accounts.cli._audit.page import report
from imin_accounts.cli.rows import rows_of
from tests.cli.people import NOW, conflict, entitlement
from tests.cli.rows import error_rows

HOSTILE = "<script>alert('1')</script>\"&amp;"


def page_of(*, name: str = "Acme", count: int = 1, within: timedelta = timedelta(days=30)) -> str:
    """The page about so many customers, each with one of everything."""
    return report(audit_of(name=name, count=count, within=within))


def audit_of(*, name: str = "Acme", count: int = 1, within: timedelta = timedelta(days=30)) -> Audit:
    """An audit of so many customers, each with one of everything."""
    audit = Audit(now=NOW, within=within)
    connected = {
        "@type": "Account",
        "seller": {"@id": "urn:1", "name": name},
        "dateLinked": NOW.isoformat(),
        "entitlement": [entitlement("1", ends=NOW + timedelta(days=3), label=name)],
        "imin:evidenceRequests": [entitlement("2", proof="Active", label=name)],
        "imin:entitlementUpdateErrors": [conflict(name)],
    }
    unrecognised = {"@type": "Account", "seller": {"@id": "urn:2", "name": name}}
    reply = from_jsonld({"@type": "imin:Collection", "imin:item": [connected, unrecognised]})
    for n in range(count):
        audit.add(rows_of(Fetched(f"{name}-{n}", reply), NOW))
    audit.add(error_rows())
    return audit
