"""calculate_sla: the penalty or reward of an outage, and repeated calculations."""

from __future__ import annotations

from stellar_sandbox.calculator import scval_encoding
from stellar_sandbox.calculator.contract_errors import SLAError, build_failure
from stellar_sandbox.calculator.contract_state import Result, SeverityTelemetry, Stats
from stellar_sandbox.calculator.invocation import Invocation
from stellar_sandbox.calculator.sla_config import SEVERITIES, SLAConfig, compute_config_hash
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import encode_i128, encode_symbol, encode_u32, encode_u64

GENERATIONS_MAX = 16
TELEMETRY_SECONDS = 7 * 86_400
I128_MIN, I128_MAX = -(2**127), 2**127 - 1
U64_MAX = 2**64 - 1


def calculate_sla(
    invocation: Invocation, caller: str, outage_id: str, severity: str, mttr: int
) -> bytes:
    state = invocation.state
    if state.paused:
        raise build_failure(SLAError.CONTRACT_PAUSED)
    invocation.require(caller, state.operator)
    result = evaluate(invocation, outage_id, severity, mttr)
    earlier = state.find_results(outage_id)
    if earlier:
        last = earlier[-1]
        if last.config_version_hash == result.config_version_hash:
            if _get_input(last) != _get_input(result):
                raise build_failure(SLAError.DUPLICATE_OUTAGE_INPUT)
            return scval_encoding.encode_result(last)
        if len(earlier) >= GENERATIONS_MAX:
            raise build_failure(SLAError.OUTAGE_RECALC_LIMIT)
    # The oldest result leaves when a new one enters: a lowered limit does not shrink the history.
    history = (*state.history, result)
    if len(history) > state.retention_limit:
        history = history[1:]
    invocation.write(
        history=history,
        stats=_count(invocation, state.stats, result),
        telemetry=_update_telemetry(state.telemetry, severity, result),
    )
    _emit_events(invocation, severity, result)
    return scval_encoding.encode_result(result)


def _get_input(result: Result) -> tuple[int, int]:
    """The input that a repeated call must share with the first; the severity is not part of it."""
    return result.mttr_minutes, result.threshold_minutes


def calculate_sla_view(invocation: Invocation, outage_id: str, severity: str, mttr: int) -> bytes:
    return scval_encoding.encode_result(evaluate(invocation, outage_id, severity, mttr))


def replay_calculate_sla(
    invocation: Invocation, outage_id: str, severity: str, mttr: int, recorded_at: int
) -> bytes:
    """Calculate with the present config; `recorded_at` is only copied."""
    found = evaluate(invocation, outage_id, severity, mttr)._replace(recorded_at=recorded_at)
    return xdr_codec.encode_vec(
        [scval_encoding.encode_result(found), encode_u64(found.config_version_hash)]
    )


def evaluate(invocation: Invocation, outage_id: str, severity: str, mttr: int) -> Result:
    state, terms = invocation.state, invocation.get_config(severity)
    status, payment_type, rating, amount = compute(terms, mttr)
    return Result(
        outage_id,
        status,
        mttr,
        terms.threshold_minutes,
        amount,
        payment_type,
        rating,
        compute_config_hash(state.config),
        invocation.now,
    )


def compute(terms: SLAConfig, mttr: int) -> tuple[str, str, str, int]:
    """Return status, payment type, rating and signed amount."""
    threshold, penalty, reward = terms
    if mttr > threshold:
        amount = -((mttr - threshold) * penalty)
        if not I128_MIN <= -amount <= I128_MAX or not I128_MIN <= amount < 0:
            raise build_failure(SLAError.INVALID_PENALTY_AMOUNT)
        return "viol", "pen", "poor", amount
    used = 0 if threshold == 0 else mttr * 100 // threshold
    percent, rating = (200, "top") if used < 50 else (150, "excel") if used < 75 else (100, "good")
    product = reward * percent
    if not I128_MIN <= product <= I128_MAX or product // 100 <= 0:
        raise build_failure(SLAError.INVALID_REWARD_AMOUNT)
    return "met", "rew", rating, product // 100


def _count(invocation: Invocation, stats: Stats, result: Result) -> Stats:
    """Add to the totals; a total saturates at the limit of its type and emits `stats_sat`."""
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
            symbol = encode_symbol(name)
            invocation.emit(
                "stats_sat", symbol, symbol, encode_i128(before), encode_i128(increment)
            )
        totals.append(min(before + increment, ceiling))
    return Stats(*totals)


def _update_telemetry(
    telemetry: tuple[SeverityTelemetry, SeverityTelemetry, SeverityTelemetry, SeverityTelemetry],
    severity: str,
    result: Result,
) -> tuple[SeverityTelemetry, SeverityTelemetry, SeverityTelemetry, SeverityTelemetry]:
    """
    Count the calculation in its severity's telemetry; a custom severity counts as critical.

    The counters reset a week after the last calculation or the last violation. So once the last
    violation is a week old, every calculation resets them: that is how the contract does it.
    """
    place = SEVERITIES.index(severity) if severity in SEVERITIES else 0
    severity_telemetry, now = telemetry[place], result.recorded_at
    timestamps = (severity_telemetry.calculated_at, severity_telemetry.violated_at)
    if any(mark and now - mark >= TELEMETRY_SECONDS for mark in timestamps):
        severity_telemetry = severity_telemetry._replace(calculations=0, violations=0)
    violated = result.status == "viol"
    severity_telemetry = SeverityTelemetry(
        severity_telemetry.calculations + 1,
        severity_telemetry.violations + violated,
        now,
        now if violated else severity_telemetry.violated_at,
    )
    made = [severity_telemetry if index == place else each for index, each in enumerate(telemetry)]
    return made[0], made[1], made[2], made[3]


def _emit_events(invocation: Invocation, severity: str, result: Result) -> None:
    name, status = encode_symbol(result.outage_id), encode_symbol(result.status)
    kind, amount = encode_symbol(result.payment_type), encode_i128(result.amount)
    invocation.emit(
        "sla_calc",
        encode_symbol(severity),
        name,
        status,
        kind,
        encode_symbol(result.rating),
        encode_u32(result.mttr_minutes),
        encode_u32(result.threshold_minutes),
        amount,
    )
    hash_, at = encode_u64(result.config_version_hash), encode_u64(result.recorded_at)
    invocation.emit("set_int", encode_symbol(severity), name, status, kind, amount, hash_, at)
