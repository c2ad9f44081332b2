"""The routers of every page, for the application to include."""

from api.console import (
    analytics,
    attention,
    jobs,
    outages,
    overview,
    pages,
    sessions,
    sources,
    treasuries,
)
from api.console.actions import attention_actions, outage_actions

ROUTERS = tuple(
    each.router
    for each in (
        *(pages, sessions, overview, outages, outage_actions),
        *(attention, attention_actions, analytics, jobs, sources, treasuries),
    )
)
