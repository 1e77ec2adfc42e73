"""What there is to see at ``/``: who there is, the key, what to try, what goes wrong, what came in."""

import shlex
from collections import Counter
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from imin_accounts.fake._api import ACCOUNTS
from imin_accounts.fake._operations import PREFIX, account_to_connect, received
from imin_accounts.fake._service import Service

__all__ = ["overview"]

_CUSTOMERS, _REQUESTS = 20, 50


def overview(imin: Service, base: str, *, customer: str | None = None, after: int = 0) -> dict[str, Any]:
    """All of it as JSON values.

    Args:
        base: What the emulator's URLs start with.
        customer: Whose accounts to list; the first one's where None.
        after: How many customers to leave out before those that are listed.
    """
    with imin.lock:
        people = [*imin.population.people]
        shown = people[after : after + _CUSTOMERS]
        chosen = next(iter(people), None) if customer is None else customer
        counted = {each: Counter(state for _, state in _states(imin, each)) for each in shown}
        more = after + _CUSTOMERS
        return {
            "what": "An emulator of imin's Seller Accounts API, to develop against. Nobody here is real.",
            "key": {"header": "X-Api-Key", "value": imin.api_key},
            "openapi": f"{base}/openapi.json",
            "operations": f"{base}{PREFIX}",
            "try": _to_try(imin, base),
            "customers": [
                {
                    "id": each,
                    "email": imin.population.email(each),
                    **{state: counted[each][state] for state in ("connected", "unconnected", "no account")},
                    "url": f"{base}/?{urlencode({'customer': each})}",
                }
                for each in shown
            ],
            "customers_in_all": len(people),
            "next_customers": f"{base}/?after={more}" if more < len(people) else None,
            "accounts": {
                "customer": chosen,
                "url": f"{base}{_path(chosen)}",
                "sellers": [
                    {
                        "id": seller,
                        "name": imin.population.sellers[seller].get("name"),
                        "state": state,
                        "connect": None if state == "connected" else _visits(base, chosen, seller),
                    }
                    for seller, state in _states(imin, chosen)
                ],
            }
            if chosen in imin.population.people
            else None,
            "faults": imin.faults.script(),
            "requests": [received(each) for each in imin.requests[: -_REQUESTS - 1 : -1]],
        }


def _states(imin: Service, customer: str) -> list[tuple[str, str]]:
    population, email = imin.population, imin.population.email(customer)
    return [
        (
            seller,
            "connected"
            if (customer, seller) in population.connections
            else "no account"
            if population.password(seller, email) is None
            else "unconnected",
        )
        for seller in population.sellers
    ]


def _visits(base: str, customer: str, seller: str) -> dict[str, str]:
    """Where a browser begins to connect: to log in, and to join."""
    who = {"customer": customer, "seller": seller}
    return {
        action: f"{base}{PREFIX}visit?{urlencode({**who, 'action': action})}"
        for action in ("RegisterAction", "CreateAction")
    }


def _path(customer: str) -> str:
    return ACCOUNTS.replace("{customerIdentifier}", quote(customer, safe=""))


def _to_try(imin: Service, base: str) -> list[dict[str, str]]:
    """Commands that work as they are, in an order that makes sense."""
    account = account_to_connect(imin)
    accounts, seller = base + _path(account["customer"]), quote(account["seller"], safe="")
    key = shlex.quote(f"X-Api-Key: {imin.api_key}")
    with_links = shlex.quote(f"{accounts}?redirectUri={quote(f'{base}/', safe='')}")
    rule = {"nth": 1, "effect": {"status": {"status": 503}}}
    return [
        {"to": to, "curl": curl}
        for to, curl in (
            ("list a customer's accounts", f"curl -H {key} {accounts}"),
            ("list them with the links to connect", f"curl -H {key} {with_links}"),
            ("connect one without a browser", f"curl -X POST {base}{PREFIX}connect -d {_body(account)}"),
            ("disconnect it", f"curl -X DELETE -H {key} {shlex.quote(f'{accounts}?seller={seller}')}"),
            ("make the next call fail with 503", f"curl -X POST {base}{PREFIX}faults -d {_body(rule)}"),
            ("let everything go well again", f"curl -X DELETE {base}{PREFIX}faults"),
            ("see what was received", f"curl {base}{PREFIX}requests"),
            ("begin anew", f"curl -X POST {base}{PREFIX}reset"),
        )
    ]


def _body(value: Any) -> str:
    return shlex.quote(orjson.dumps(value).decode())
