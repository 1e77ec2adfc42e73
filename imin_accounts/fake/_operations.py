"""What ``/_emulator/`` has, as a list: where, what it does, what it takes, and an example of that."""

import shlex
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import orjson

from imin_accounts.fake import _commands as commands
from imin_accounts.fake._commands import Command
from imin_accounts.fake._notifications import WebhookCall
from imin_accounts.fake._rules import RULE, SCRIPT, read_rule
from imin_accounts.fake._service import Received, Service
from imin_accounts.fake._settings import Undocumented
from imin_accounts.fake._snapshot import STATE
from imin_accounts.fake._validation import build, refuse_deep, schema_of

__all__ = ["PREFIX", "Operation", "account_to_connect", "operations", "received"]

PREFIX = "/_emulator/"
C = TypeVar("C", bound=Command)


@attrs.frozen(kw_only=True)
class Operation:
    """Something that can be asked of the emulator.

    Attributes:
        method: GET, PUT, POST or DELETE.
        name: Its path after ``/_emulator/``.
        does: A sentence.
        act: Does it, given the body's JSON. What it returns is answered as JSON; None as 204.
        takes: The body as JSON Schema; None where there is none.
        example: A body.
    """

    method: str
    name: str
    does: str
    act: Callable[[Any], Any]
    takes: Any = None
    example: Any = None

    def described(self, base: str) -> dict[str, Any]:
        """As the index has it."""
        url = f"{base}{PREFIX}{self.name}"
        body = "" if self.takes is None else f" -d {shlex.quote(orjson.dumps(self.example).decode())}"
        method = "" if self.method == "GET" else f" -X {self.method}"
        described = {
            "method": self.method,
            "url": url,
            "does": self.does,
            "curl": f"curl{method} {url}{body}",
        }
        return described if self.takes is None else {**described, "takes": self.takes}


def operations(imin: Service, reset: Callable[[], None]) -> list[Operation]:
    """All of them. Their examples are about people that there are now."""

    def set_undocumented(body: Any) -> None:
        imin.undocumented = build(Undocumented, body, "$")

    def command(method: str, name: str, cls: type[C], example: dict[str, Any]) -> Operation:
        def act(body: Any) -> Any:
            refuse_deep(body)
            return build(cls, body, "$").do(imin)

        schema = schema_of(cls)
        return Operation(
            method=method,
            name=name,
            does=schema.pop("description"),
            act=act,
            takes=schema,
            example=example,
        )

    account = account_to_connect(imin)
    member = {"seller": account["seller"], "email": "ada@example.com"}
    link = "a target out of a reply"
    rule = {"nth": 1, "effect": {"status": {"status": 503}}}
    entitlement = "https://id.example.com/entitlements/1234"
    evidence = {**account, "entitlement": entitlement, "status": "ActiveActionStatus"}
    return [
        Operation(
            method="GET",
            name="requests",
            does="What was received, the last 10,000 in order: method, route, status, customer and seller.",
            act=lambda _: [received(each) for each in imin.requests],
        ),
        command("POST", "connect", commands.Connect, account),
        command("POST", "change-account", commands.ChangeAccount, {**account, "access_pass": "1234"}),
        command("POST", "disconnect", commands.Disconnect, account),
        command("POST", "complete", commands.Complete, {"target": link}),
        command("POST", "decline", commands.Decline, {"target": link}),
        command("POST", "evidence", commands.SetEvidence, evidence),
        Operation(
            method="POST",
            name="take-notifications",
            does="The notifications since the last time that this was asked, posted or not.",
            act=lambda _: [_notification(call) for call in imin.take_notifications()],
        ),
        command("POST", "customers", commands.AddCustomer, {"id": "1234", "email": "ada@example.com"}),
        command("POST", "sellers", commands.AddSeller, {"id": "https://pool.example/1", "name": "Pool"}),
        command("POST", "members", commands.AddMember, member),
        command("DELETE", "members", commands.RemoveMember, member),
        command("POST", "advance", commands.Advance, {"seconds": 3600}),
        Operation(
            method="GET", name="faults", does="What goes wrong, and when.", act=lambda _: imin.faults.script()
        ),
        Operation(
            method="PUT",
            name="faults",
            does="Put these rules in the place of those in force.",
            act=imin.faults.load,
            takes=SCRIPT,
            example={"rules": [rule]},
        ),
        Operation(
            method="POST",
            name="faults",
            does="Put a rule after those in force; it counts calls from now on.",
            act=lambda body: imin.faults.add(read_rule(body, "$")),
            takes=RULE,
            example=rule,
        ),
        Operation(
            method="DELETE",
            name="faults",
            does="Let everything go well again.",
            act=lambda _: imin.faults.clear(),
        ),
        Operation(
            method="GET",
            name="state",
            does="The people, their accounts and what is undocumented.",
            act=lambda _: imin.snapshot(),
        ),
        Operation(
            method="PUT",
            name="state",
            does="Put these people in the place of those that there are. Links end.",
            act=imin.restore,
            takes=STATE,
            example={"version": 1, "customers": [{"id": "1234", "email": "ada@example.com"}]},
        ),
        Operation(
            method="GET",
            name="undocumented",
            does="How it behaves where imin's pages don't say.",
            act=lambda _: attrs.asdict(imin.undocumented),
        ),
        Operation(
            method="PUT",
            name="undocumented",
            does="Change that; what is left out has its default.",
            act=set_undocumented,
            takes=schema_of(Undocumented),
            example={"unconnected_delete": 204},
        ),
        Operation(
            method="POST",
            name="reset",
            does="Be as when the emulator started; nothing was received.",
            act=lambda _: reset(),
        ),
        Operation(
            method="GET", name="faults/schema", does="Those rules as JSON Schema.", act=lambda _: SCRIPT
        ),
        Operation(method="GET", name="state/schema", does="That state as JSON Schema.", act=lambda _: STATE),
    ]


def received(request: Received) -> dict[str, Any]:
    """A request as JSON."""
    return attrs.asdict(request)


def _notification(call: WebhookCall) -> dict[str, Any]:
    return {"headers": call.headers, "body": orjson.loads(call.body)}


def account_to_connect(imin: Service) -> dict[str, str]:
    """The first customer, with the first seller that they have not connected."""
    population = imin.population
    customer = next(iter(population.people), "rosie")
    sellers = [*population.sellers] or ["https://pool.example/1"]
    free = (seller for seller in sellers if (customer, seller) not in population.connections)
    return {"customer": customer, "seller": next(free, sellers[0])}
