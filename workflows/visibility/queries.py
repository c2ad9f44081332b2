"""The questions that an operator asks the list of workflows, as queries of the Web UI and of the visibility API."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from domain.reasons import PASSING, WaitsFor

_PEOPLE = ", ".join(f"'{each}'" for each in WaitsFor if each not in PASSING)
RUNNING = "ExecutionStatus = 'Running'"

QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "who waits for a person": f"{RUNNING} AND WaitsFor IN ({_PEOPLE})",
        "what is on hold until it is approved": f"{RUNNING} AND WaitsFor = 'approval'",
        "which disputes are to be decided": f"{RUNNING} AND WaitsFor = 'decision'",
        "what is stuck on the network": (
            f"{RUNNING} AND WaitsFor = 'network' AND WorkflowType != 'OutageWorkflow'"
        ),
        "what is owed over 1,000 USDC": (
            f"{RUNNING} AND WorkflowType = 'OutageWorkflow' AND AmountUsdc > 1000"
        ),
        "every outage in flight": f"{RUNNING} AND WorkflowType = 'OutageWorkflow'",
        "what somebody ended, or what failed": "ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut')",
    }
)


def make_url(interface: str, namespace: str, query: str) -> str:
    """Return where the Web UI lists what a query finds."""
    return f"{interface}/namespaces/{namespace}/workflows?query={quote(query)}"
