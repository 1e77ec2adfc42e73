"""Disconnects in which one thing after another goes wrong: each request meets a turn of its own."""

import pytest

from imin_accounts import Deletion, NotFound
from tests.proofs.faults import steps
from tests.proofs.faults.events import WELL, Ends, unknown
from tests.proofs.faults.fault import Fault
from tests.proofs.faults.replies import JSON, SELLER, document, head, reply
from tests.proofs.faults.server import RIGHT, AccountsRequest, Exchange, Plan, Turn
from tests.proofs.faults.trial import run_trial

LOST_BEFORE = Turn(processed=False, script=(steps.close,))
LOST_AFTER = Turn(script=(steps.close,))
ODD_AFTER = Turn(script=(steps.send(head(204, "Content-Length: 5")), steps.close))


def status(code: int, *fields: str) -> Turn:
    return Turn(processed=False, script=(steps.send(reply(code, b"", *fields)),))


def showing(customer: str, connected: bool) -> Turn:
    """A GET answered from a copy that is out of date, or is another customer's."""

    def part(exchange: Exchange) -> bytes:
        return reply(200, document(customer.format(exchange.seen.customer), {SELLER: connected}), JSON)

    return Turn(script=(steps.send(part),))


STALE = showing("{}", connected=True)
STRANGERS = showing("stranger", connected=False)


def confirmed(deletes: int, gets: int) -> Ends:
    return Ends(Deletion, deletes=deletes, gets=gets, outcome="confirmed")


def verified(deletes: int, gets: int) -> Ends:
    return Ends(Deletion, deletes=deletes, gets=gets, outcome="verified")


SEQUENCES: dict[str, tuple[list[Turn], list[Turn], Ends]] = {
    # What each DELETE meets, what each re-read meets (then all is well), how the call ends.
    "lost, stale re-read, own 404": ([LOST_AFTER], [STALE], verified(deletes=2, gets=2)),
    "odd 204, stale re-read, own 404": ([ODD_AFTER], [STALE], verified(deletes=2, gets=2)),
    "lost before, lost after": ([LOST_BEFORE, LOST_AFTER], [], verified(deletes=2, gets=2)),
    "lost, then 401": ([LOST_BEFORE, status(401)], [], confirmed(deletes=3, gets=2)),
    "lost, then 400": ([LOST_BEFORE, status(400)], [], confirmed(deletes=3, gets=2)),
    "lost, then 302": ([LOST_BEFORE, status(302)], [], confirmed(deletes=3, gets=2)),
    "lost, then 429": ([LOST_BEFORE, status(429)], [], confirmed(deletes=3, gets=2)),
    "lost, then 503 with Retry-After": (
        [LOST_BEFORE, status(503, "Retry-After: 1")],
        [],
        confirmed(deletes=3, gets=2),
    ),
    "lost, then 404 twice": ([LOST_BEFORE, status(404), status(404)], [], unknown(deletes=3, gets=3)),
    "lost twice, then 204": ([LOST_BEFORE, LOST_BEFORE], [], confirmed(deletes=3, gets=2)),
    "429, then lost": ([status(429), LOST_AFTER], [], verified(deletes=2, gets=1)),
    "503 with Retry-After, then 404": (
        [status(503, "Retry-After: 1"), status(404)],
        [],
        Ends(NotFound, deletes=2),
    ),
    "404 at once": ([status(404)], [], Ends(NotFound, deletes=1)),
    "re-read lost, then failed": ([LOST_AFTER], [LOST_BEFORE, status(500)], verified(deletes=1, gets=3)),
    "re-read lost three times": ([LOST_AFTER], [LOST_BEFORE] * 3, unknown(deletes=1, gets=3)),
    "re-read of a stranger": ([LOST_AFTER], [STRANGERS], verified(deletes=1, gets=2)),
    "re-read held back": ([LOST_AFTER], [status(429, "Retry-After: 2")], verified(deletes=1, gets=2)),
    "re-read held back past the deadline": (
        [LOST_AFTER],
        [status(429, "Retry-After: 900")],
        unknown(deletes=1, gets=1),
    ),
    "re-read refused": ([LOST_AFTER], [status(401)], unknown(deletes=1, gets=1)),
    "re-read redirected": ([LOST_AFTER], [status(302)], unknown(deletes=1, gets=1)),
    "re-read of an unknown customer": ([LOST_AFTER], [status(404)], unknown(deletes=1, gets=1)),
    "stale three times": (
        [LOST_AFTER],
        [STALE] * 3,
        unknown(deletes=3, gets=3),
    ),
}


def following(deletes: list[Turn], gets: list[Turn]) -> Plan:
    def plan(seen: AccountsRequest) -> Turn:
        turns = deletes if seen.method == "DELETE" else gets
        return turns[seen.nth - 1] if seen.nth <= len(turns) else RIGHT

    return plan


@pytest.mark.parametrize(("deletes", "gets", "ends"), SEQUENCES.values(), ids=SEQUENCES)
def test_one_thing_after_another(deletes: list[Turn], gets: list[Turn], ends: Ends) -> None:
    """A disconnect ends in the truth, or says that nobody knows, after exactly so many requests."""
    trial = run_trial(Fault("sequence", WELL), following(deletes, gets), "DELETE")
    assert trial.ended == ends
    assert trial.disconnected or not isinstance(trial.result, Deletion)
