"""Judge many outages at once, as each would be judged alone: one statement locks and reads them, another writes all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.sla import attestations, outage_contexts, outages
from adapters.postgres.sla.bulk.judgements import make_judgements
from domain.errors import Refused, TryAgain
from domain.settlement.payments import JudgeOutageResult
from domain.sla.outages import JudgeOutageInput, OutageStatus, Resolution
from services.sla.judgements.decide_judgement import (
    DecidedJudgement,
    check_judgeable,
    decide_judgement,
    make_part_input,
)


@dataclass(frozen=True, slots=True)
class EndedOutage:
    """An outage that is to be judged with others; `key` names who asks."""

    outage_id: str
    resolution: Resolution
    key: str


async def judge_outages_within(
    connection: AsyncConnection, ended: Sequence[EndedOutage], at: datetime, network: str
) -> tuple[dict[str, JudgeOutageResult], dict[str, Refused]]:
    """
    Judge outages and their parts as of an instant; return what was judged now, and which are refused, by their ids.
    Where any is refused nothing is written: the caller takes back what it wrote itself.
    """
    decided, refused = await _decide(connection, ended, at, network)
    if refused or not decided:
        return {}, refused
    return await _write(connection, decided, at), {}


async def _decide(
    connection: AsyncConnection, ended: Sequence[EndedOutage], at: datetime, network: str
) -> tuple[list[DecidedJudgement], dict[str, Refused]]:
    decided, refused = list[DecidedJudgement](), dict[str, Refused]()
    whole_of = dict[str, JudgeOutageInput]()
    contexts = await outage_contexts.lock_all(connection, [each.outage_id for each in ended], at)
    for each in ended:
        context = contexts[each.outage_id]
        window = context.policy.dispute_window_seconds
        judging = JudgeOutageInput(each.outage_id, each.resolution, window, at, each.key)
        try:
            if check_judgeable(context, judging):
                if context.status is not OutageStatus.DECLARED:  # which is refused here
                    await outages.require(connection, each.outage_id, OutageStatus.DISPUTABLE)
                decided.append(decide_judgement(context, judging, network))
                whole_of |= dict.fromkeys(context.parts, judging)
        except Refused as error:
            refused[judging.outage_id] = error
    if whole_of:
        parts = await outage_contexts.lock_all(connection, list(whole_of), at)
        for part_id, part in parts.items():
            if (its_own := make_part_input(whole_of[part_id], part)) is not None:
                decided.append(decide_judgement(part, its_own, network))
    return decided, refused


async def _write(
    connection: AsyncConnection, decided: Sequence[DecidedJudgement], at: datetime
) -> dict[str, JudgeOutageResult]:
    changed = await journal.change_all(
        connection,
        make_judgements([each.verdict for each in decided], [_resolve(each) for each in decided]),
        [each.accrual for each in decided],
        events.make_consequence([(each.entry, each.events) for each in decided]),
    )
    if len(changed) < len(decided):
        raise TryAgain("an outage was judged by another process meanwhile")
    attested = [
        (each.result.outage_id, each.result.revision) for each in decided if each.result.attest
    ]
    if attested:
        await attestations.require_attestations(connection, attested, at)
    versions = {each["id"]: each["version"] for each in changed}
    return {
        each.result.outage_id: replace(each.result, version=versions[each.result.outage_id])
        for each in decided
    }


def _resolve(decided: DecidedJudgement) -> Mapping[str, object]:
    return {"outage_id": decided.result.outage_id, **decided.resolved}
