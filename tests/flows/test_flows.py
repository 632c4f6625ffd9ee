"""Flows give the order; through Prefect or not, they end in the same way and tell nothing."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.contracts.errors import EnvironmentFaultError, IntegrityError, RegistryBusyError
from pipelines.faults import ProgramFaultError

# Prefect's own code warns about itself; the product's tests do not judge that.
pytestmark = pytest.mark.filterwarnings("default")

FLOWS = Path(__file__).parents[2] / "pipelines" / "flows"
RECORD = "P-4711,F,1950"


@pytest.fixture(scope="module")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One temporary Prefect server for the tests that need the engine."""
    home = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as patch:
        from pipelines.flows.settings import SETTINGS

        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        from prefect.settings import PREFECT_HOME, temporary_settings
        from prefect.testing.utilities import prefect_test_harness

        with (
            temporary_settings({PREFECT_HOME: home}),
            prefect_test_harness(server_startup_timeout=90),
        ):
            yield home


def a_line(fault: Exception | None = None) -> tuple[Any, list[str]]:
    """Return a flow that calls another flow, and what was done."""
    from pipelines.flows.engine import line_flow

    done: list[str] = []

    @line_flow
    def inner(data: str) -> str:
        if fault:
            raise fault
        done.append(f"inner {data}")
        return data

    @line_flow
    def outer(data: str) -> str:
        done.append("outer")
        return inner(data)

    return outer, done


def test_without_a_server_a_flow_is_the_function_it_is() -> None:
    outer, done = a_line()
    assert outer("here") == "here"
    assert done == ["outer", "inner here"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (RegistryBusyError("Another run."), RegistryBusyError),
        (IntegrityError("A file."), IntegrityError),
        (ValueError(RECORD), ProgramFaultError),
        (OSError(28, "No space left on device"), EnvironmentFaultError),
    ],
)
def test_a_fault_comes_out_of_a_flow_as_what_it_is(fault: Exception, kind: type) -> None:
    outer, _ = a_line(fault)
    with pytest.raises(kind) as caught:
        outer("here")
    assert "P-4711" not in str(caught.value)


def test_through_prefect_the_same_flows_run_in_the_same_order(prefect_home: Path) -> None:
    from pipelines.flows.engine import through_prefect

    outer, done = a_line()
    with through_prefect():
        assert outer("here") == "here"
    assert done == ["outer", "inner here"]


def test_through_prefect_a_fault_keeps_its_kind_and_nothing_stores_the_record(
    prefect_home: Path, tmp_path: Path
) -> None:
    from pipelines.flows.engine import through_prefect

    outer, _ = a_line(ValueError(RECORD))
    with through_prefect(), pytest.raises(ProgramFaultError):
        outer("here")
    outer, _ = a_line(IntegrityError("A file."))
    with through_prefect(), pytest.raises(IntegrityError, match="A file"):
        outer("here")
    stored = [path for path in prefect_home.rglob("*") if path.is_file()]
    assert not [path for path in stored if b"P-4711" in path.read_bytes()]


def test_an_engine_that_cannot_start_is_an_environment_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from prefect import Flow

    from pipelines.flows.engine import through_prefect

    def no_server(*_: object, **__: object) -> None:
        raise RuntimeError("Unable to find an available port after multiple attempts")

    monkeypatch.setattr(Flow, "__call__", no_server)
    outer, _ = a_line()
    with pytest.raises(EnvironmentFaultError, match="--through-prefect"), through_prefect():
        outer("here")


def test_every_flow_of_the_line_is_there_under_its_name() -> None:
    from prefect import Flow

    names = ("ingest", "build", "analyse", "publish", "nightly", "research", "quality")
    for name in names:
        __import__(f"pipelines.flows.{name}")
        flow = getattr(sys.modules[f"pipelines.flows.{name}"], name)
        assert isinstance(flow, Flow)
        assert flow.name == name


def test_the_schedules_are_those_of_the_deployment_file() -> None:
    import yaml

    from pipelines.flows.serve import SCHEDULES, scheduled
    from pipelines.workspace import Workspace

    deployments = yaml.safe_load((FLOWS.parents[1] / "prefect.yaml").read_text())["deployments"]
    assert {entry["name"]: entry["schedules"][0]["cron"] for entry in deployments} == SCHEDULES
    for entry in deployments:
        path, name = entry["entrypoint"].split(":")
        module = path.removesuffix(".py").replace("/", ".")
        __import__(module)
        flow = getattr(sys.modules[module], name)
        assert set(entry["parameters"]) <= set(flow.parameters.properties)
        assert scheduled(flow, Workspace(Path("data"))).name == name


@pytest.mark.parametrize("path", sorted(FLOWS.glob("*.py")), ids=lambda path: path.name)
def test_flows_hold_order_only(path: Path) -> None:
    """No loops, no handling of faults, no arithmetic: who needs them writes a step."""
    if path.name == "engine.py":
        pytest.skip("the engine is how flows are called, not one of them")
    logic = (ast.For, ast.While, ast.Try, ast.BinOp)
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    flows = [node for node in functions if node.decorator_list]
    assert not [
        node.lineno
        for flow in flows
        for statement in flow.body
        for node in ast.walk(statement)
        if isinstance(node, logic)
    ]
