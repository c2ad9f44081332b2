"""
Workflows run in Temporal's sandbox and may import nothing impure.

Only `domain` passes through: it is loaded once and shared by every run. Workflow files are loaded
inside the sandbox for every run, so that reading a clock there fails at once, and any other import
stops the worker before it serves a task.
"""

import compileall
from pathlib import Path

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

import workflows

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


def compile_workflows() -> None:
    """
    Compile the workflow files once, and store the bytecode beside them.

    The sandbox loads them for every run. Where Python writes no bytecode, as in most containers, it
    would also compile them for every run, which costs more than all the rest.
    """
    compileall.compile_dir(str(Path(workflows.__file__).parent), quiet=2)
