"""Who is calling, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Ordered by power: an admin may do whatever an engineer may."""

    ADMIN = "admin"
    ENGINEER = "engineer"


@dataclass(frozen=True, slots=True)
class Principal:
    name: str
    role: Role

    def may(self, role: Role) -> bool:
        return self.role is Role.ADMIN or self.role is role
