"""Access: who calls the API, the role they have, and what that role may do."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """An admin may do whatever the others may."""

    ADMIN = "admin"
    FINANCE = "finance"  # approves payments
    ENGINEER = "engineer"


@dataclass(frozen=True, slots=True)
class Principal:
    name: str
    role: Role

    def may(self, role: Role) -> bool:
        return self.role is Role.ADMIN or self.role is role
