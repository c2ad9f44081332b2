"""How often analytics are kept: of the worker of the analytics queue."""

from pydantic import Field
from pydantic_settings import BaseSettings

from adapters.setting_types import Whole


class FoldingSettings(BaseSettings):
    """Changes are folded into sums, and sums are written down."""

    analytics_fold_every_seconds: Whole = Field(
        5, ge=1, le=3600, description="pause between two foldings of changes into analytics"
    )
    analytics_snapshot_every_seconds: Whole = Field(
        86400, ge=60, le=31_536_000, description="pause between two snapshots of the analytics"
    )
