"""The calculation itself: what an outage costs or earns, remembered and repeated by its rules."""

from __future__ import annotations

from stellar_sandbox.calculator import scval_encoding
from stellar_sandbox.calculator.contract_errors import Refusal, refuse
from stellar_sandbox.calculator.contract_state import Lane, Result, Stats
from stellar_sandbox.calculator.invocation import Session
from stellar_sandbox.calculator.sla_config import SEVERITIES, Terms, config_hash
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import sc_i128, sc_symbol, sc_u32, sc_u64

GENERATIONS_MAX = 16
TELEMETRY_SECONDS = 7 * 86_400
I128_MIN, I128_MAX = -(2**127), 2**127 - 1
U64_MAX = 2**64 - 1


def calculate_sla(session: Session, caller: str, outage_id: str, severity: str, mttr: int) -> bytes:
    book = session.book
    if book.paused:
        raise refuse(Refusal.CONTRACT_PAUSED)
    session.require(caller, book.operator)
    fresh = computed(session, outage_id, severity, mttr)
    known = book.of_outage(outage_id)
    if known:
        last = known[-1]
        if last.config_version_hash == fresh.config_version_hash:
            if _input(last) != _input(fresh):
                raise refuse(Refusal.DUPLICATE_OUTAGE_INPUT)
            return scval_encoding.result(last)
        if len(known) >= GENERATIONS_MAX:
            raise refuse(Refusal.OUTAGE_RECALC_LIMIT)
    # One out for one in: a limit that was lowered does not shrink what is kept.
    history = (*book.history, fresh)
    if len(history) > book.retention_limit:
        history = history[1:]
    session.write(
        history=history,
        stats=_counted(session, book.stats, fresh),
        lanes=_laned(book.lanes, severity, fresh),
    )
    _tell(session, severity, fresh)
    return scval_encoding.result(fresh)


def _input(result: Result) -> tuple[int, int]:
    """What makes a repeated call the same call: not the severity."""
    return result.mttr_minutes, result.threshold_minutes


def calculate_sla_view(session: Session, outage_id: str, severity: str, mttr: int) -> bytes:
    return scval_encoding.result(computed(session, outage_id, severity, mttr))


def replay_calculate_sla(
    session: Session, outage_id: str, severity: str, mttr: int, recorded_at: int
) -> bytes:
    """By today's config, whatever was in force then: the last argument is only copied."""
    found = computed(session, outage_id, severity, mttr)._replace(recorded_at=recorded_at)
    return xdr_codec.sc_vec([scval_encoding.result(found), sc_u64(found.config_version_hash)])


def computed(session: Session, outage_id: str, severity: str, mttr: int) -> Result:
    book, terms = session.book, session.config_of(severity)
    status, payment_type, rating, amount = compute(terms, mttr)
    return Result(
        outage_id,
        status,
        mttr,
        terms.threshold_minutes,
        amount,
        payment_type,
        rating,
        config_hash(book.config),
        session.now,
    )


def compute(terms: Terms, mttr: int) -> tuple[str, str, str, int]:
    """Status, payment type, rating and signed amount."""
    threshold, penalty, reward = terms
    if mttr > threshold:
        amount = -((mttr - threshold) * penalty)
        if not I128_MIN <= -amount <= I128_MAX or not I128_MIN <= amount < 0:
            raise refuse(Refusal.INVALID_PENALTY_AMOUNT)
        return "viol", "pen", "poor", amount
    used = 0 if threshold == 0 else mttr * 100 // threshold
    percent, rating = (200, "top") if used < 50 else (150, "excel") if used < 75 else (100, "good")
    product = reward * percent
    if not I128_MIN <= product <= I128_MAX or product // 100 <= 0:
        raise refuse(Refusal.INVALID_REWARD_AMOUNT)
    return "met", "rew", rating, product // 100


def _counted(session: Session, stats: Stats, result: Result) -> Stats:
    """Totals that stop at the end of their type, and say so."""
    rewarded, owed = max(result.amount, 0), max(-result.amount, 0)
    steps = (
        ("totcalc", 1, U64_MAX),
        ("totviol", int(result.status == "viol"), U64_MAX),
        ("totrew", rewarded, I128_MAX),
        ("totpen", owed, I128_MAX),
    )
    totals = []
    for before, (name, increment, ceiling) in zip(stats, steps, strict=True):
        if before + increment > ceiling:
            symbol = sc_symbol(name)
            session.tell("stats_sat", symbol, symbol, sc_i128(before), sc_i128(increment))
        totals.append(min(before + increment, ceiling))
    return Stats(*totals)


def _laned(
    lanes: tuple[Lane, Lane, Lane, Lane], severity: str, result: Result
) -> tuple[Lane, Lane, Lane, Lane]:
    """
    Count the calculation in its severity's lane; a custom severity counts as critical.

    A lane begins anew a week after its last calculation or its last violation. So once the last
    violation is a week old, every calculation begins it anew: that is how the contract does it.
    """
    place = SEVERITIES.index(severity) if severity in SEVERITIES else 0
    lane, now = lanes[place], result.recorded_at
    marks = (lane.calculated_at, lane.violated_at)
    if any(mark and now - mark >= TELEMETRY_SECONDS for mark in marks):
        lane = lane._replace(calculations=0, violations=0)
    violated = result.status == "viol"
    lane = Lane(
        lane.calculations + 1,
        lane.violations + violated,
        now,
        now if violated else lane.violated_at,
    )
    made = [lane if index == place else each for index, each in enumerate(lanes)]
    return made[0], made[1], made[2], made[3]


def _tell(session: Session, severity: str, result: Result) -> None:
    name, status = sc_symbol(result.outage_id), sc_symbol(result.status)
    kind, amount = sc_symbol(result.payment_type), sc_i128(result.amount)
    session.tell(
        "sla_calc",
        sc_symbol(severity),
        name,
        status,
        kind,
        sc_symbol(result.rating),
        sc_u32(result.mttr_minutes),
        sc_u32(result.threshold_minutes),
        amount,
    )
    hash_, at = sc_u64(result.config_version_hash), sc_u64(result.recorded_at)
    session.tell("set_int", sc_symbol(severity), name, status, kind, amount, hash_, at)
