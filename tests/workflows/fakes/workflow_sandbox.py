"""
In tests workflows run in Temporal's sandbox and may import nothing impure.

Only `domain` passes through: it is loaded once and shared by every run. Workflow files are loaded
inside the sandbox for every run, so that reading a clock there fails at once, and any other import
stops the worker before it serves a task. In production nothing is loaded twice: worker/main.py.
"""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

STRICT_IMPORTS = (
    SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
    | SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
)


def make_strict_sandbox() -> SandboxedWorkflowRunner:
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(
            "domain"
        ).with_import_notification_policy(STRICT_IMPORTS)
    )
