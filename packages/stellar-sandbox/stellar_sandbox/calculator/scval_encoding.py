"""The calculator's types as values on the wire: maps with their field names in alphabetical order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from stellar_sandbox.calculator.contract_state import Pause, Result, Stats
from stellar_sandbox.calculator.sla_config import SEVERITIES, Terms
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import (
    sc_bool,
    sc_i128,
    sc_map,
    sc_symbol,
    sc_u32,
    sc_u64,
    sc_vec,
)

VERSION = sc_symbol("v1")
CONTRACT_NAME = sc_symbol("apexchainx_calculator")


def struct(**fields: bytes) -> bytes:
    return sc_map([(sc_symbol(name), fields[name]) for name in sorted(fields)])


def symbols(*texts: str) -> bytes:
    return sc_vec([sc_symbol(text) for text in texts])


def option(value: bytes | None) -> bytes:
    return xdr_codec.VOID if value is None else value


def address(text: str | None) -> bytes | None:
    return None if text is None else xdr_codec.sc_address(text)


def config(terms: Terms) -> bytes:
    return struct(
        threshold_minutes=sc_u32(terms.threshold_minutes),
        penalty_per_minute=sc_i128(terms.penalty_per_minute),
        reward_base=sc_i128(terms.reward_base),
    )


def configs(entries: Mapping[str, Terms]) -> bytes:
    return sc_map([(sc_symbol(name), config(entries[name])) for name in sorted(entries)])


def snapshot(entries: Mapping[str, Terms], order: Iterable[str] = SEVERITIES) -> bytes:
    rows = [struct(severity=sc_symbol(name), config=config(entries[name])) for name in order]
    return struct(version=VERSION, entries=sc_vec(rows))


@lru_cache(maxsize=8_192)
def result(found: Result) -> bytes:
    return struct(
        outage_id=sc_symbol(found.outage_id),
        status=sc_symbol(found.status),
        mttr_minutes=sc_u32(found.mttr_minutes),
        threshold_minutes=sc_u32(found.threshold_minutes),
        amount=sc_i128(found.amount),
        payment_type=sc_symbol(found.payment_type),
        rating=sc_symbol(found.rating),
        config_version_hash=sc_u64(found.config_version_hash),
        recorded_at=sc_u64(found.recorded_at),
    )


def results(found: Iterable[Result]) -> bytes:
    return sc_vec([result(each) for each in found])


def stats(kept: Stats) -> bytes:
    return struct(
        total_calculations=sc_u64(kept.total_calculations),
        total_violations=sc_u64(kept.total_violations),
        total_rewards=sc_i128(kept.total_rewards),
        total_penalties=sc_i128(kept.total_penalties),
    )


def pause(kept: Pause) -> bytes:
    return struct(
        reason=xdr_codec.sc_string(kept.reason),
        paused_at=sc_u64(kept.paused_at),
        paused_by=xdr_codec.sc_address(kept.paused_by),
    )


def result_schema() -> bytes:
    return struct(
        version=VERSION,
        schema_version=sc_u32(1),
        result_field_count=sc_u32(len(Result._fields)),
        status_met=sc_symbol("met"),
        status_violated=sc_symbol("viol"),
        payment_reward=sc_symbol("rew"),
        payment_penalty=sc_symbol("pen"),
        rating_exceptional=sc_symbol("top"),
        rating_excellent=sc_symbol("excel"),
        rating_good=sc_symbol("good"),
        rating_poor=sc_symbol("poor"),
        includes_config_version_hash=sc_bool(True),
        deprecated_symbols=sc_vec([]),
        severity_aliases=sc_vec([]),
    )
