"""
Workflow code is for ever: whatever was recorded under any version replays under this one.

A kind of life that any worker runs, or a step, signal, update or change of one, that no history knows
is red here: record.py records it, under the version it is to be released with.
"""

import ast
import importlib
import inspect
import itertools
import json
import pkgutil
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

import workflows
from adapters.temporal import QUEUES
from worker.main import LIVES
from worker.sandbox import strict_sandbox

HISTORIES = sorted((Path(__file__).parent / "histories").rglob("*.json"))
KINDS: dict[str, Any] = {life.__name__: life for life in itertools.chain(*LIVES.values())}
MODULES = [
    importlib.import_module(f"workflows.{found.name}")
    for found in pkgutil.iter_modules(workflows.__path__)
]


def named(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


def kind_of(path: Path) -> str:
    (first, *_) = recorded(path).events
    return first.workflow_execution_started_event_attributes.workflow_type.name


def happened() -> dict[str, set[str]]:
    """What was ever recorded: kinds of lives, their steps, and what was asked of them."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in HISTORIES:
        found["lives"].add(kind := kind_of(path))
        for event in recorded(path).events:
            step = event.activity_task_scheduled_event_attributes.activity_type.name
            marker = event.marker_recorded_event_attributes
            if marker.marker_name == "core_local_activity":
                step = json.loads(marker.details["data"].payloads[0].data)["activity_type"]
            if marker.marker_name == "core_patch":
                change = json.loads(marker.details["patch-data"].payloads[0].data)["id"]
                found["changes"].add(change)
            signal = event.workflow_execution_signaled_event_attributes.signal_name
            update = event.workflow_execution_update_accepted_event_attributes
            asked = signal or update.accepted_request.input.name
            found["steps"].add(step)
            found["asked"].add(f"{kind} {asked}")
    return found


def every(what: str) -> set[str]:
    """All that code declares of a kind: what a life may be asked, or the steps it may take."""
    if what == "lives":
        return set(KINDS)
    if what == "changes":
        return {change for module in MODULES for change in changes(module)}
    if what == "steps":
        classes = [kind for module in MODULES for kind in vars(module).values()]
        return {
            name
            for kind in classes
            if inspect.isclass(kind) and kind.__module__.startswith("workflows.")
            for name in getattr(kind, "__abstractmethods__", ())
        }
    definitions = {name: workflow._Definition.must_from_class(kind) for name, kind in KINDS.items()}
    return {
        f"{name} {asked}"
        for name, known in definitions.items()
        for asked in [*known.signals, *known.updates]
    }


def changes(module: ModuleType) -> Iterator[str]:
    """The changes that lives ask about: `workflow.patched(...)`, by itself or on starting over."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in ("patched", "start_over_if_long") and node.args:
            (named,) = node.args
            if isinstance(named, ast.Constant):
                yield str(named.value)
            elif isinstance(named, ast.Name) and hasattr(module, named.id):
                yield getattr(module, named.id)


@pytest.mark.parametrize("what", ["lives", "steps", "asked", "changes"])
def test_whatever_a_life_may_do_was_recorded(what: str) -> None:
    assert every(what) - happened()[what] == set(), "record it: tests/workflows/record.py"


def test_the_version_at_hand_was_recorded() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {path.parent.name for path in HISTORIES} >= {"0.1.0", project["version"]}


def test_every_kind_of_life_is_run_by_a_worker() -> None:
    defined = {
        name
        for module in MODULES
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if hasattr(kind, "__temporal_workflow_definition")
    }
    assert defined == set(KINDS)
    assert set(LIVES) == set(QUEUES)


@pytest.mark.parametrize("path", HISTORIES, ids=named)
async def test_a_recorded_life_replays(path: Path) -> None:
    lives = list(KINDS.values())
    replayer = Replayer(workflows=lives, workflow_runner=strict_sandbox())
    await replayer.replay_workflow(recorded(path))


def hurried(kind: Any) -> Any:
    """The same life, which asks for something else before all that it asked for."""

    async def run(self: Any, *message: Any) -> Any:
        await workflow.sleep(1)
        return await kind.run(self, *message)

    run.__signature__ = inspect.signature(kind.run)  # type: ignore[attr-defined]
    run.__annotations__ = kind.run.__annotations__
    run.__qualname__ = f"{kind.__name__}.run"
    return workflow.defn(type(kind.__name__, (kind,), {"run": workflow.run(run)}))


@pytest.mark.parametrize("path", HISTORIES, ids=named)
async def test_a_life_whose_order_changed_does_not_replay(path: Path) -> None:
    """Each of these files can fail: it holds on to the order in which things were asked for."""
    replayer = Replayer(
        workflows=[hurried(KINDS[kind_of(path)])], workflow_runner=UnsandboxedWorkflowRunner()
    )
    with pytest.raises(workflow.NondeterminismError):
        await replayer.replay_workflow(recorded(path))
