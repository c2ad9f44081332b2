"""
Workflows run in Temporal's sandbox and may import nothing impure.

Only `domain` passes through: it is loaded once and shared by every run. A workflow file itself is
loaded anew inside the sandbox, so that a clock read there fails at once, and any other import
stops the worker before it serves a single task.
"""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

STRICT_IMPORTS = (
    SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
    | SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
)


def strict_sandbox() -> SandboxedWorkflowRunner:
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(
            "domain"
        ).with_import_notification_policy(STRICT_IMPORTS)
    )
