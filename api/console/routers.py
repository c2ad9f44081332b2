"""The routers of every page, for the application to include."""

from api.console import (
    analytics,
    attention,
    attention_actions,
    jobs,
    outage_actions,
    outages,
    overview,
    pages,
    sessions,
    sources,
)

ROUTERS = tuple(
    each.router
    for each in (
        *(pages, sessions, overview, outages, outage_actions),
        *(attention, attention_actions, analytics, jobs, sources),
    )
)
