"""How everything is measured: in turns, in CPU time, and as ratios to a floor."""

import gc
import os
import statistics
from collections.abc import Callable, Mapping
from time import process_time

import attrs


def margin(quick: bool) -> float:
    """By what a limit is wider in a quick run: its few rounds moved from 1.50 to 1.73 for the same code."""
    return 1.25 if quick else 1.0


CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
"""That this process may run on, where the system tells; threads that it starts inherit them."""


def stay_on(number: int) -> None:
    """Hold this process on one core: the client on 0, its server on 1. Where there are not two, do nothing.

    A thread that wakes up on another core finds its caches cold: a transport with a thread of its own was
    measured to cost a third more.
    """
    if len(CORES) > 1:
        os.sched_setaffinity(0, {CORES[number]})


@attrs.frozen
class Row:
    """A line of a table.

    Attributes:
        name: The contender.
        figures: Numbers by their headings, units included.
    """

    name: str
    figures: dict[str, float]


@attrs.frozen
class Gate:
    """What must not get worse: ``value`` may be at most ``limit``; ``target`` is what is aimed at."""

    name: str
    value: float
    limit: float
    target: float

    @property
    def holds(self) -> bool:
        """Whether it is met."""
        return self.value <= self.limit


@attrs.frozen
class Table:
    """The answer to one case of a benchmark."""

    title: str
    rows: list[Row]
    gates: list[Gate] = attrs.field(factory=list)


def take_turns(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run each contender once a round, and before that once unmeasured.

    What exists before is kept out of garbage collection, so that nobody pays for another's imports;
    collection itself stays on, since it is part of the cost.

    Returns:
        For each contender its CPU seconds in each round, in the order of rounds.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender()
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for name, contender in contenders.items():
            began = process_time()
            contender()
            times[name].append(process_time() - began)
    gc.unfreeze()
    return times


def ratios(times: Mapping[str, list[float]], floor: str) -> dict[str, tuple[float, float]]:
    """Each contender's time as a multiple of the floor's: the median over rounds, and its spread.

    A ratio is taken within each round, where both met the same noise. The spread is half of the
    distance between the quartiles.
    """
    answer = {}
    for name, series in times.items():
        each = [one / other for one, other in zip(series, times[floor], strict=True)]
        low, middle, high = statistics.quantiles(each, n=4)
        answer[name] = (middle, (high - low) / 2)
    return answer
