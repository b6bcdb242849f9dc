"""The library against its peers: ratios of medians, both measured in turn in one run.

A module of this folder has a function `measure()` that returns rows. `make bench` runs them all.
"""

import statistics
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One comparison: seconds of ours and of the peer, and the ratio that is the goal (ours / peer, at most)."""

    what: str
    peer: str
    ours: float
    theirs: float
    goal: float

    @property
    def ratio(self) -> float:
        """Return ours / peer."""
        return self.ours / self.theirs


def compare(
    what: str, peer: str, ours: Callable[[], Any], theirs: Callable[[], Any], goal: float, rounds: int = 15
) -> Row:
    """Time both in turn, so that a slow moment of the machine hits both; keep the medians."""
    ours(), theirs()  # warm up
    number = max(1, int(0.02 / max(timeit.timeit(theirs, number=1), 1e-7)))
    times = [(timeit.timeit(ours, number=number), timeit.timeit(theirs, number=number)) for _ in range(rounds)]
    return Row(what, peer, *(statistics.median(column) / number for column in zip(*times, strict=True)), goal)
