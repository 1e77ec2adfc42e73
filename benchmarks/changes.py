"""Two replies compared: how much does that add to reading one of them?"""

from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from benchmarks._measure import Gate, Row, Table, margin, ratios, take_turns
from benchmarks._payloads import Mix, replies
from imin_accounts import from_jsonld
from imin_accounts.changes import changes

QUESTION = """
What does `changes` take for two replies of 100 sellers, as a share of reading one of them? Nothing changed
but the order, and one, five and all 50 of the connected accounts with another email.
""".strip()
CASES = QUICK = ["documented", "full"]


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    mix: Mix = "full" if case == "full" else "documented"
    (own,) = replies(100, mix)
    before, document = from_jsonld(own), orjson.loads(own)
    others = {
        "nothing": document,
        "the order": document | {"imin:item": document["imin:item"][::-1]},
        "1 account": _with_emails(document, 1),
        "5 accounts": _with_emails(document, 5),
        "50 accounts": _with_emails(document, 50),
    }
    turns: dict[str, Callable[[], object]] = {
        "from_jsonld": lambda: deque((from_jsonld(own) for _ in range(20)), maxlen=0)
    }
    for name, other in others.items():
        after = from_jsonld(orjson.dumps(other))
        turns[name] = lambda after=after: [changes(before, after) for _ in range(20)]  # type: ignore[misc]
    figures = ratios(take_turns(turns, 15 if quick else 40), "from_jsonld")
    rows = [Row(name, {"x from_jsonld": ratio, "±": spread}) for name, (ratio, spread) in figures.items()]
    worst = max(figures[name][0] for name in others if name != "50 accounts")
    gates = [
        Gate("of reading one, few changed", worst, limit=0.5 * margin(quick), target=0.4),
        Gate("of reading one, all changed", figures["50 accounts"][0], limit=1.2 * margin(quick), target=1.0),
    ]
    return Table(f"changes: 100 sellers, {case}", rows, gates)


def _with_emails(document: dict[str, Any], count: int) -> dict[str, Any]:
    items = [dict(item) for item in document["imin:item"]]
    connected = [item for item in items if "customer" in item]
    for item in connected[:count]:
        item["customer"] = item["customer"] | {"email": "new@example.com"}
    return document | {"imin:item": items}
