"""However two clients interleave, a session has one token that was never used, and an old one ends it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.access.sessions import REFRESH_GRACE, RefreshOutcome, RefreshRecord, judge_refresh

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def token(sequence: int, newest: int, used: datetime | None) -> RefreshRecord:
    return RefreshRecord("ses_1", sequence, newest, used)


def test_a_token_is_used_once_and_repeated_for_some_seconds() -> None:
    assert judge_refresh(token(3, 3, None), NOW) is RefreshOutcome.ROTATE
    for seconds, outcome in ((0, "repeat"), (10, "repeat"), (10.001, "reused")):
        used = NOW - timedelta(seconds=seconds)
        assert judge_refresh(token(2, 3, used), NOW) == outcome


def test_only_the_token_just_used_is_repeated() -> None:
    assert judge_refresh(token(1, 3, NOW), NOW) is RefreshOutcome.REUSED


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 15), st.booleans()), min_size=1, max_size=30)
)
def test_two_clients_never_have_two_tokens_that_both_go_on(
    steps: list[tuple[int, float, bool]],
) -> None:
    """Each shows the token it knows; an answer may be lost on its way."""
    used: list[datetime | None] = [None]
    knows, now, ended = [0, 0], NOW, False
    for client, pause, lost in steps:
        now += timedelta(seconds=pause)
        shown = knows[client]
        record = token(shown, len(used) - 1, used[shown])
        outcome = judge_refresh(record, now)
        if ended or outcome is RefreshOutcome.REUSED:
            ended = True
            break
        if outcome is RefreshOutcome.ROTATE:
            used[shown] = now
            used.append(None)
        if not lost:
            knows[client] = shown + 1
        assert used.count(None) == 1
        assert used[-1] is None
        assert outcome is not RefreshOutcome.REPEAT or now - (used[shown] or now) <= REFRESH_GRACE
