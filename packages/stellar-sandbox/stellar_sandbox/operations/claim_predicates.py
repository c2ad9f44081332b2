"""Claim predicates: whether they are well formed, and whether they hold."""

from __future__ import annotations

from stellar_sdk import xdr
from stellar_sdk.xdr import (
    ClaimPredicateType,
)

from stellar_sandbox.ledger.entries import (
    INT64_MAX,
)


def is_well_formed(predicate: xdr.ClaimPredicate | None, depth: int) -> bool:
    if predicate is None or depth == 0:
        return False
    match predicate.type:
        case ClaimPredicateType.CLAIM_PREDICATE_UNCONDITIONAL:
            return True
        case ClaimPredicateType.CLAIM_PREDICATE_AND:
            parts = predicate.and_predicates or []
            return len(parts) == 2 and all(is_well_formed(part, depth - 1) for part in parts)
        case ClaimPredicateType.CLAIM_PREDICATE_OR:
            parts = predicate.or_predicates or []
            return len(parts) == 2 and all(is_well_formed(part, depth - 1) for part in parts)
        case ClaimPredicateType.CLAIM_PREDICATE_NOT:
            return is_well_formed(predicate.not_predicate, depth - 1)
    limit = predicate.abs_before or predicate.rel_before
    return limit is not None and limit.int64 >= 0


def make_absolute(predicate: xdr.ClaimPredicate, close_time: int) -> xdr.ClaimPredicate:
    """Replace relative times by absolute ones, as the network stores them."""
    absolute = ClaimPredicateType.CLAIM_PREDICATE_BEFORE_ABSOLUTE_TIME
    if predicate.rel_before is not None:
        ledger_context = min(close_time + predicate.rel_before.int64, INT64_MAX)
        return xdr.ClaimPredicate(absolute, abs_before=xdr.Int64(ledger_context))
    ands, ors, nots = predicate.and_predicates, predicate.or_predicates, predicate.not_predicate
    return xdr.ClaimPredicate(
        predicate.type,
        and_predicates=ands and [make_absolute(part, close_time) for part in ands],
        or_predicates=ors and [make_absolute(part, close_time) for part in ors],
        not_predicate=nots and make_absolute(nots, close_time),
        abs_before=predicate.abs_before,
    )


def is_satisfied(predicate: xdr.ClaimPredicate, close_time: int) -> bool:
    if predicate.and_predicates is not None:
        return all(is_satisfied(part, close_time) for part in predicate.and_predicates)
    if predicate.or_predicates is not None:
        return any(is_satisfied(part, close_time) for part in predicate.or_predicates)
    if predicate.not_predicate is not None:
        return not is_satisfied(predicate.not_predicate, close_time)
    if predicate.abs_before is not None:
        return close_time < predicate.abs_before.int64
    return True
