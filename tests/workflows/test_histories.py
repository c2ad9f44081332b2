"""
Every recorded history replays: workflow code that could not continue a running workflow fails here.

So does a workflow that a worker runs, an activity, signal, update or patch of one, or a scene, that no
history contains: `make histories` records it. Until 1.0.0 there is one set, made anew when workflows change.
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
from tests.workflows import record_histories
from tests.workflows.compact import compact
from tests.workflows.fakes.workflow_sandbox import make_strict_sandbox
from worker.queues import WORKFLOWS

HISTORIES = sorted(record_histories.HISTORIES.rglob("*.json"))
KINDS: dict[str, Any] = {kind.__name__: kind for kind in itertools.chain(*WORKFLOWS.values())}
SIGNALS = {name: workflow._Definition.must_from_class(kind).signals for name, kind in KINDS.items()}
MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(workflows.__path__, "workflows.")
    if not found.ispkg
]


AGAIN = "run `make histories` and commit what it records"


def named(path: Path) -> str:
    return path.stem


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


def kind_of(path: Path) -> str:
    (first, *_) = recorded(path).events
    return first.workflow_execution_started_event_attributes.workflow_type.name


def find_recorded() -> dict[str, set[str]]:
    """Return what was ever recorded: workflows, their activities, and the signals and updates they got."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in HISTORIES:
        found["workflows"].add(kind := kind_of(path))
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
            # A workflow may take any signal that it does not know by its name: it declares that as None.
            if signal and signal not in SIGNALS[kind]:
                signal = str(None)
            asked = signal or update.accepted_request.input.name
            found["activities"].add(step)
            found["asked"].add(f"{kind} {asked}")
    return found


def find_declared(what: str) -> set[str]:
    """Return all that the code declares of a kind: workflows, activities, signals and updates, or patches."""
    if what == "workflows":
        return set(KINDS)
    if what == "changes":
        return {change for module in MODULES for change in find_patches(module)}
    if what == "activities":
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


def find_patches(module: ModuleType) -> Iterator[str]:
    """Yield the patches that workflows ask about: `workflow.patched("...")`."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in ("patched", "deprecate_patch"):
            (change,) = node.args
            yield ast.literal_eval(change)


@pytest.mark.parametrize("what", ["workflows", "activities", "asked", "changes"])
def test_whatever_a_workflow_may_do_is_recorded(what: str) -> None:
    assert find_declared(what) - find_recorded()[what] == set(), AGAIN


def test_every_scene_and_every_workflow_has_its_history() -> None:
    assert {path.stem for path in HISTORIES} ^ record_histories.NAMES == set(), AGAIN


def test_no_workflow_is_patched_before_1_0_0() -> None:
    """Nobody runs an earlier version yet, so that a branch for its workflows would be dead code."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    if project["version"].startswith("0."):
        assert find_declared("changes") == set(), f"drop the branch; {AGAIN}"


@pytest.mark.parametrize("path", HISTORIES, ids=named)
def test_a_history_is_kept_compact(path: Path) -> None:
    assert path.read_text() == compact(path.read_text()), AGAIN


def test_every_workflow_is_run_by_a_worker() -> None:
    defined = {
        name
        for module in MODULES
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if hasattr(kind, "__temporal_workflow_definition")
    }
    assert defined == set(KINDS)
    assert set(WORKFLOWS) == set(QUEUES)


@pytest.mark.parametrize("path", HISTORIES, ids=named)
async def test_a_recorded_history_replays(path: Path) -> None:
    kind = KINDS[kind_of(path)]
    replayer = Replayer(workflows=[kind], workflow_runner=make_strict_sandbox())
    await replayer.replay_workflow(recorded(path))


def add_timer_first(kind: Any) -> Any:
    """Return the same workflow, which starts a timer before all its other commands."""

    async def run(self: Any, *message: Any) -> Any:
        await workflow.sleep(1)
        return await kind.run(self, *message)

    run.__signature__ = inspect.signature(kind.run)  # type: ignore[attr-defined]
    run.__annotations__ = kind.run.__annotations__
    run.__qualname__ = f"{kind.__name__}.run"
    return workflow.defn(type(kind.__name__, (kind,), {"run": workflow.run(run)}))


@pytest.mark.parametrize("path", HISTORIES, ids=named)
async def test_a_workflow_whose_order_changed_does_not_replay(path: Path) -> None:
    """Each of these files can fail: it fixes the order of the commands."""
    replayer = Replayer(
        workflows=[add_timer_first(KINDS[kind_of(path)])],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    with pytest.raises(workflow.NondeterminismError):
        await replayer.replay_workflow(recorded(path))
