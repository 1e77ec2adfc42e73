"""Every fault of the catalogue, in every way in which it can strike, on real sockets."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from imin_accounts import Deletion, ResponseError, SellerAccounts, UnexpectedResponse
from tests.proofs.faults.catalogue import FAULTS, FAULTS_OVER
from tests.proofs.faults.conftest import Figures
from tests.proofs.faults.events import SOMEBODY_ELSES, UNREADABLE
from tests.proofs.faults.fault import MODES, Fault, Mode
from tests.proofs.faults.trial import NEXT_CUSTOMER, Trial, trial_of

CASES = [
    (fault, mode, transport)
    for transport, faults in FAULTS_OVER.items()
    for fault in faults
    for mode in MODES
    if mode.ends(fault)
]


def found(search: Callable[[Fault, Mode, Trial], object]) -> list[str]:
    """The cases in which ``search`` comes upon something, and what."""
    return [
        f"{transport}: {fault.name}, {mode.column}: {found}"
        for fault, mode, transport in CASES
        if (found := search(fault, mode, trial_of(fault, mode, transport)))
    ]


@pytest.mark.parametrize(
    ("fault", "mode", "transport"),
    [pytest.param(f, m, t, id=f"{m.event(f).row} - {f.name} - {m.column} - {t}") for f, m, t in CASES],
)
def test_ends_as_its_row_says(fault: Fault, mode: Mode, transport: str) -> None:
    """The call's result, its requests as the server counts them, and ``maybe_sent`` are the row's."""
    assert trial_of(fault, mode, transport).ended == mode.ends(fault)


def test_names_are_unique() -> None:
    """A fault's name is its path, so no two have the same."""
    assert [name for name, n in Counter(fault.name for fault in FAULTS).items() if n > 1] == []


def test_at_least_130_faults_for_each_method(figures: Figures) -> None:
    """The catalogue is as long as it should be."""
    for method in ("GET", "DELETE"):
        for transport in FAULTS_OVER:
            modes = [(fault, mode) for fault, mode, over in CASES if over == transport]
            faults = {fault.name for fault, mode in modes if mode.call == mode.method == method}
            cases = sum(mode.call == method for _, mode in modes)
            figures.add(f"catalogue over {transport}: {len(faults)} faults of {method}, {cases} cases")
            assert len(faults) >= 130


def test_errors_tell_the_status() -> None:
    """Where a row has a status, the error of a call that met nothing else has it too."""

    def other_status(fault: Fault, mode: Mode, trial: Trial) -> object:
        if fault.status and isinstance(trial.result, ResponseError | UnexpectedResponse):
            return trial.result.status != fault.status and trial.result
        return None

    assert found(other_status) == []


def test_errors_tell_how_long_to_wait() -> None:
    """``retry_after`` is what the reply said, in any of its forms, and None where it said nonsense."""

    def other_time(fault: Fault, mode: Mode, trial: Trial) -> object:
        if isinstance(trial.result, ResponseError):
            return trial.result.retry_after != fault.retry_after and trial.result
        return None

    assert found(other_time) == []


def test_retry_after_is_waited_for() -> None:
    """Between two requests the session sleeps for as long as imin asked."""

    def too_early(fault: Fault, mode: Mode, trial: Trial) -> object:
        waits = [later.at - earlier.at for earlier, later in pairwise(trial.seen)]
        return isinstance(trial.result, ResponseError) and [
            w for w in waits if w < (fault.retry_after or 0.0)
        ]

    assert found(too_early) == []


def test_a_deletion_is_the_truth() -> None:
    """No call says that an account is disconnected while the server has it connected."""
    assert found(lambda f, m, p: isinstance(p.result, Deletion) and not p.disconnected) == []


def test_an_error_but_outcome_unknown_means_still_connected() -> None:
    """A DELETE that ends in any other error than OutcomeUnknown was never processed."""

    def lied(fault: Fault, mode: Mode, trial: Trial) -> object:
        certain = isinstance(trial.result, Exception) and not getattr(trial.result, "maybe_sent", False)
        return mode.call == "DELETE" and certain and trial.disconnected and trial.result

    assert found(lied) == []


def test_a_disconnect_shares_no_connection() -> None:
    """Every DELETE and every re-read rides a connection of its own."""

    def shared(fault: Fault, mode: Mode, trial: Trial) -> object:
        connections = Counter(request.connection for request in trial.seen)
        return mode.call == "DELETE" and [n for n in connections.values() if n > 1]

    assert found(shared) == []


def test_an_unusable_reply_is_retried_on_a_fresh_connection() -> None:
    """After a body that can't be read, or is somebody else's, no GET rides the same connection."""

    def reused(fault: Fault, mode: Mode, trial: Trial) -> object:
        connections = [request.connection for request in trial.seen]
        return fault.event in (UNREADABLE, SOMEBODY_ELSES) and len(set(connections)) < len(connections)

    assert found(reused) == []


def test_the_next_call_is_right() -> None:
    """Whatever happened, the session's next call returns what it asked for."""

    def wrong(fault: Fault, mode: Mode, trial: Trial) -> object:
        match trial.next_result:
            case None:
                return None
            case SellerAccounts(entitlement_filter=str(token)) if token.endswith(f"={NEXT_CUSTOMER}"):
                return None
            case other:
                return repr(other)

    assert found(wrong) == []


def test_attempts_tell_what_happened() -> None:
    """``attempts`` and ``on_attempt`` hold the same, in the order in which the server saw requests."""

    def untold(fault: Fault, mode: Mode, trial: Trial) -> object:
        if getattr(trial.result, "attempts", trial.attempts) != trial.attempts:
            return trial.attempts
        methods = [attempt.method for attempt in trial.attempts if attempt.maybe_sent]
        return len(methods) == len(trial.seen) and methods != [request.method for request in trial.seen]

    assert found(untold) == []


def test_canaries_appear_nowhere() -> None:
    """No key, token, address, barcode or identifier in any error, result's repr, attempt or log record."""
    assert found(lambda f, m, p: p.leaks) == []


def test_nothing_is_complained_of() -> None:
    """Nothing is logged at WARNING or above: no unclosed connection, no exception nobody took."""
    assert found(lambda f, m, p: p.warnings) == []


def test_nothing_is_left_over() -> None:
    """After each fault tasks, sockets and file descriptors are back to the start."""
    assert found(lambda f, m, p: p.left_over != (0, 0) and p.left_over) == []
