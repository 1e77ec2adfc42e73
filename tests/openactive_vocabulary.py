"""Which members OpenActive and imin define for each type of node: run it to renew the list for the reader.

git clone https://github.com/openactive/data-models
python -m tests.openactive_vocabulary data-models > imin_accounts/_models/openactive.json

``id``, ``type`` and ``@context`` are left out: JSON-LD defines them for every node.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

VERSION = "2.x"


class Shown(NamedTuple):
    """What the models don't have, as imin's pages or OpenActive's transcripts show it.

    Attributes:
        types: Types that stand where the models have this one.
        members: Members of this type and of those.
        of: Members whose value it is.
    """

    types: str = ""
    members: str = ""
    of: str = ""


TYPES: Mapping[str, Shown] = {
    "Action": Shown(  # the models only sketch schema.org's
        "CreateAction EvidenceRequestAction RegisterAction imin:AccessPassUpdateAction",
        "actionStatus description error expiry name result target url",
        of="evidenceRequest potentialAction",
    ),
    "Barcode": Shown(
        members="beta:codeType dateModified", of="accessPass"
    ),  # test suite; Get Seller Accounts
    "Concept": Shown(),
    "CustomerAccount": Shown(  # which Get Seller Accounts calls Account
        "Account",
        "dateLinked hiddenEntitlements imin:entitlementUpdateErrors imin:evidenceRequests"
        " imin:matchingEmailExists potentialAction seller",
        of="imin:item",
    ),
    "Entitlement": Shown(members="evidenceRequest expires", of="imin:evidenceRequests"),
    "ImageObject": Shown(of="image"),
    "OpenBookingError": Shown(
        "BarcodeInvalidError EntitlementConflict UpdateFailedError imin:NotYetImplementedError",
        "seller",
        of="error imin:entitlementUpdateErrors",
    ),
    "Organization": Shown(members="image"),  # schema.org's, in feeds that lack a logo
    "Person": Shown(members="birthDate dateModified image imin:is13OrOver"),  # Get Customer Account
    "PostalAddress": Shown(),
    "PropertyValue": Shown(),
    "Terms": Shown(),
    # Types that the models don't have at all.
    "EntryPoint": Shown(
        members="contentType description encodingType httpMethod name url urlTemplate", of="target"
    ),
    "imin:Collection": Shown(members="imin:entitlementFilter imin:item imin:totalItems"),
}
"""What may stand in a reply, and whatever the models derive from it."""


def vocabulary(checkout: Path, commit: str) -> dict[str, Any]:
    """What is shipped, made of a checkout of openactive/data-models.

    ``types`` is a list of groups. A group's ``names`` (types that the models define) and ``also`` (types
    shown besides) have the same members: ``members`` (defined) and ``shown`` (shown besides). ``values``
    says for a member which types its value may have, naming a group by its first type.
    """
    models = {
        path.stem: _read(path) for path in sorted((checkout / "versions" / VERSION / "models").glob("*.json"))
    }
    groups = [group for name in TYPES for group in _groups(name, models)]
    members = {member for group in groups for member in group["members"] + group["shown"]}
    return {
        "source": "https://github.com/openactive/data-models",
        "models": VERSION,
        "version": _read(checkout / "package.json")["version"],
        "commit": commit,
        "licence": (checkout / "LICENSE").read_text(encoding="utf-8"),
        "types": groups,
        "values": {member: types for member in sorted(members) if (types := _values(member, models, groups))},
    }


def _groups(root: str, models: Mapping[str, Any]) -> list[dict[str, list[str]]]:
    """``root`` and what derives from it and ``TYPES`` doesn't name; types with the same members together."""
    if root not in models:
        return [{"names": [], "also": [root], "members": [], "shown": TYPES[root].members.split()}]
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in [root, *sorted(_derived(root, models) - TYPES.keys())]:
        groups.setdefault(tuple(sorted(_members(name, models))), []).append(name)
    also = TYPES[root].types.split()
    return [
        {
            "names": names,
            "also": also * (names[0] == root),
            "members": [*members],
            "shown": TYPES[root].members.split(),
        }
        for members, names in groups.items()
    ]


def _derived(root: str, models: Mapping[str, Any]) -> set[str]:
    """The types below ``root``."""
    own = {name for name, model in models.items() if model.get("subClassOf") == f"#{root}"}
    return own.union(*(_derived(name, models) for name in own))


def _members(name: str, models: Mapping[str, Any]) -> set[str]:
    """What a type defines, the inherited members included."""
    parent = models[name].get("subClassOf") or ""
    inherited = _members(parent[1:], models) if parent.startswith("#") else set()
    own: set[str] = {*models[name]["fields"]}
    return (inherited | own | {*models[name].get("inSpec", ())}) - {"id", "type"}


def _values(member: str, models: Mapping[str, Any], groups: Sequence[Mapping[str, list[str]]]) -> list[str]:
    """The groups whose types the value of a member may have, in any of the models or where it is shown."""
    fields = [model["fields"][member] for model in models.values() if member in model["fields"]]
    types = [
        each for field in fields for each in [field.get("model", ""), *field.get("alternativeModels", [])]
    ]
    roots = {each.removeprefix("ArrayOf").removeprefix("#") for each in types}
    roots |= {name for name, shown in TYPES.items() if member in shown.of.split()}
    possible = roots.union(*(_derived(root, models) for root in roots))
    return [
        (group["names"] + group["also"])[0]
        for group in groups
        if possible & {*group["names"], *group["also"]}
    ]


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def text(data: Mapping[str, Any]) -> str:
    """As JSON, a line for each group and each member, so that a change shows in a diff."""
    lines = [
        f" {json.dumps(key)}: {json.dumps(value)}" for key, value in data.items() if isinstance(value, str)
    ]
    groups = ",\n".join(f"  {json.dumps(group)}" for group in data["types"])
    values = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in data["values"].items())
    lines += [f' "types": [\n{groups}\n ]', f' "values": {{\n{values}\n }}']
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    where = Path(sys.argv[1])
    head = subprocess.run(
        ["git", "-C", where, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    print(text(vocabulary(where, head.stdout.strip())), end="")
