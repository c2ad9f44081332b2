"""Declarations as the workflows of outages begin with them: some outages are judged as they are recorded."""

from dataclasses import dataclass, fields

from domain.settlement.payments import JudgeOutageResult
from domain.sla.outages import Declaration


@dataclass(frozen=True, slots=True)
class JudgedDeclaration(Declaration):
    """An outage as it was declared, and how it was judged by who recorded it, if it had ended by then."""

    judged: JudgeOutageResult | None = None

    @classmethod
    def of(
        cls, declaration: Declaration, judged: JudgeOutageResult | None = None
    ) -> "JudgedDeclaration":
        known = {each.name: getattr(declaration, each.name) for each in fields(Declaration)}
        return cls(**known, judged=judged)
