"""The calculator's types as SCVal: maps whose field names are in alphabetical order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from stellar_sandbox.calculator.contract_state import Pause, Result, Stats
from stellar_sandbox.calculator.sla_config import SEVERITIES, SLAConfig
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.xdr_codec import (
    encode_bool,
    encode_i128,
    encode_map,
    encode_symbol,
    encode_u32,
    encode_u64,
    encode_vec,
)

VERSION = encode_symbol("v1")
CONTRACT_NAME = encode_symbol("apexchainx_calculator")


def encode_struct(**fields: bytes) -> bytes:
    return encode_map([(encode_symbol(name), fields[name]) for name in sorted(fields)])


def encode_symbols(*texts: str) -> bytes:
    return encode_vec([encode_symbol(text) for text in texts])


def encode_option(value: bytes | None) -> bytes:
    return xdr_codec.VOID if value is None else value


def encode_optional_address(text: str | None) -> bytes | None:
    return None if text is None else xdr_codec.encode_sc_address(text)


def encode_config(terms: SLAConfig) -> bytes:
    return encode_struct(
        threshold_minutes=encode_u32(terms.threshold_minutes),
        penalty_per_minute=encode_i128(terms.penalty_per_minute),
        reward_base=encode_i128(terms.reward_base),
    )


def encode_configs(entries: Mapping[str, SLAConfig]) -> bytes:
    return encode_map(
        [(encode_symbol(name), encode_config(entries[name])) for name in sorted(entries)]
    )


def encode_snapshot(entries: Mapping[str, SLAConfig], order: Iterable[str] = SEVERITIES) -> bytes:
    rows = [
        encode_struct(severity=encode_symbol(name), config=encode_config(entries[name]))
        for name in order
    ]
    return encode_struct(version=VERSION, entries=encode_vec(rows))


@lru_cache(maxsize=8_192)
def encode_result(found: Result) -> bytes:
    return encode_struct(
        outage_id=encode_symbol(found.outage_id),
        status=encode_symbol(found.status),
        mttr_minutes=encode_u32(found.mttr_minutes),
        threshold_minutes=encode_u32(found.threshold_minutes),
        amount=encode_i128(found.amount),
        payment_type=encode_symbol(found.payment_type),
        rating=encode_symbol(found.rating),
        config_version_hash=encode_u64(found.config_version_hash),
        recorded_at=encode_u64(found.recorded_at),
    )


def encode_results(found: Iterable[Result]) -> bytes:
    return encode_vec([encode_result(each) for each in found])


def encode_stats(kept: Stats) -> bytes:
    return encode_struct(
        total_calculations=encode_u64(kept.total_calculations),
        total_violations=encode_u64(kept.total_violations),
        total_rewards=encode_i128(kept.total_rewards),
        total_penalties=encode_i128(kept.total_penalties),
    )


def encode_pause(kept: Pause) -> bytes:
    return encode_struct(
        reason=xdr_codec.encode_string(kept.reason),
        paused_at=encode_u64(kept.paused_at),
        paused_by=xdr_codec.encode_sc_address(kept.paused_by),
    )


def encode_result_schema() -> bytes:
    return encode_struct(
        version=VERSION,
        schema_version=encode_u32(1),
        result_field_count=encode_u32(len(Result._fields)),
        status_met=encode_symbol("met"),
        status_violated=encode_symbol("viol"),
        payment_reward=encode_symbol("rew"),
        payment_penalty=encode_symbol("pen"),
        rating_exceptional=encode_symbol("top"),
        rating_excellent=encode_symbol("excel"),
        rating_good=encode_symbol("good"),
        rating_poor=encode_symbol("poor"),
        includes_config_version_hash=encode_bool(True),
        deprecated_symbols=encode_vec([]),
        severity_aliases=encode_vec([]),
    )
