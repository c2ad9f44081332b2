"""A ratio is that of the medians, and what is answered to guesses is looked at."""

from collections import Counter

from devstack.bench.edge.edge_latencies import DECLARE, READ, EdgeLatencies
from devstack.bench.edge.guesses import Guessed
from devstack.bench.latencies import Latencies


def make_latencies(p99_ms: float) -> Latencies:
    return Latencies(100, 1.0, 2.0, p99_ms, 100.0)


def test_a_ratio_is_that_of_medians() -> None:
    measured = EdgeLatencies()
    for quiet, guessed in ((10, 40), (20, 22), (30, 5)):
        measured.add(Guessed.NOTHING, make_latencies(quiet), make_latencies(1))
        measured.add(Guessed.KEYS, make_latencies(guessed), make_latencies(2))
    assert measured.compute_ratio(Guessed.KEYS, READ) == 1.1
    assert measured.compute_ratio(Guessed.KEYS, DECLARE) == 2
    assert measured.compute_median(Guessed.KEYS, READ, 50) == 1


def test_a_guess_that_is_not_refused_is_a_problem() -> None:
    answers = Counter({400: 3, 429: 2, 200: 1, 503: 4})
    measured = EdgeLatencies(answered={Guessed.LOGINS: answers})
    assert measured.list_problems() == [
        "1 of the guessed logins were answered 200",
        "4 of the guessed logins were answered 503",
    ]
