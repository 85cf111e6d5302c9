"""How long a flow of a project takes, over what one of its scenarios gives.

Must not know: who wants to know, how it is printed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from hitl_temporal.definition.project import Project, load_project
from hitl_temporal.definition.scenarios import FOLDER, Written, load_scenario
from hitl_temporal.domain.expressions import ExpressionError
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.simulation.forecast import Forecast, forecast
from hitl_temporal.domain.simulation.scenario import Given
from hitl_temporal.domain.value import Json
from hitl_temporal.ports import PermanentError
from hitl_temporal.testing.running import WORKFLOWS, setting_of

__all__ = ["ForecastError", "foretell"]


class ForecastError(Exception):
    """It can't be told; the message says why and what to do."""


def foretell(
    root: Path,
    name: str,
    *,
    inputs: Mapping[str, Json],
    scenario: str | None = None,
    runs: int = 200,
    seed: str = "1",
    took: Mapping[str, str] | None = None,
) -> Forecast:
    """Return how long a flow takes.

    Args:
        root: The project's folder.
        name: Of the flow.
        inputs: They go before those of the scenario.
        scenario: Which one says what is given, by the name of its file; None: the first that ends `completed`.
        runs: How many are simulated.
        seed: What is drawn from.
        took: By step, how long it takes, such as `10m..2h`.

    Raises:
        ForecastError: There is no such flow or scenario, the inputs do not fit, or a range is none.
    """
    project = load_project(root)
    if name not in project.flows:
        wrong = "; ".join(str(p) for p in project.left_out.get(name, ())[:3])
        raise ForecastError(wrong or f"there is no flow {name!r}; flows: {', '.join(project.flows) or 'none'}")
    flow = project.flows[name]
    strange = sorted((took or {}).keys() - flow.plan.spots.keys())
    if strange:
        raise ForecastError(f"flow {name!r} has no step {strange[0]!r}; steps: {', '.join(flow.plan.spots)}")
    given = _given(root / WORKFLOWS / name / FOLDER, scenario, flow, project)
    given = given.but(inputs={**given.inputs, **inputs})
    try:
        return forecast(flow, given, setting_of(project, given.at.date()), runs=runs, seed=seed, took=took)
    except (ValueError, ExpressionError, PermanentError) as error:
        raise ForecastError(str(error)) from error


def _given(folder: Path, name: str | None, flow: Flow, project: Project) -> Given:
    """Return what a scenario gives; where none is named and none fits, nothing."""
    if name is None:
        found = (w for w in _written(folder, flow, project) if w.scenario.then.status in {None, "completed"})
        return next((w.scenario.given for w in found), Given())
    file = folder / f"{name}.yaml"
    written, problems = load_scenario(file, flow, project.flows)
    if written is None:
        raise ForecastError("; ".join(str(p) for p in problems[:3]))
    return written.scenario.given


def _written(folder: Path, flow: Flow, project: Project) -> Iterator[Written]:
    for file in sorted(folder.glob("*.yaml")):
        written, _ = load_scenario(file, flow, project.flows)
        if written is not None:
            yield written
