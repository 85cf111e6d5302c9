"""Load the scenarios of a flow, and tell by file and line what is wrong with one, or came out otherwise.

Must not know: Temporal, how a scenario is played.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from hitl_temporal.domain.flow.address import step_id, turns_in
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.step import Step
from hitl_temporal.domain.simulation.scenario import Act, Expected, Operation, Scenario
from hitl_temporal.domain.value import Value

from .documents import At, Document, read
from .problems import Problem, has_errors, resembling
from .translate import translate

__all__ = ["FOLDER", "Written", "load_scenario", "scenario_files"]

FOLDER = "scenarios"


class Written(Value):
    """A scenario with the document in which it stands.

    Attributes:
        file: As it was reached.
        lines: By place, in which line it stands.
    """

    scenario: Scenario
    file: str
    lines: dict[At, int]

    def line(self, at: At) -> int:
        """Return the line of a place; of one that is not there, that of the nearest one around it."""
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)

    def problem(self, at: At, message: str) -> Problem:
        """Return what came out otherwise than this place says."""
        return Problem(path=self.file, line=self.line(at), message=message)


def scenario_files(path: Path) -> tuple[Path, ...]:
    """Return the files of scenarios at or below a path, sorted: a file itself, else all in folders `scenarios`."""
    if path.is_file():
        return (path,)
    here = path.glob("*.yaml") if path.name == FOLDER else ()
    return tuple(sorted({*here, *path.rglob(f"{FOLDER}/*.yaml")}))


def load_scenario(
    path: Path, flow: Flow | None = None, flows: Mapping[str, Flow] | None = None
) -> tuple[Written | None, tuple[Problem, ...]]:
    """Load one scenario; none when anything about it is wrong.

    Args:
        path: The file.
        flow: Whose scenario it is; None: its steps are not checked.
        flows: Those that steps may begin, by name.
    """
    document, problems = read(path)
    if document is None:
        return None, problems
    if document.data is None:
        return None, (document.problem((), "the document is empty", "write at least `scenario` and `then`"),)
    try:
        scenario = Scenario.model_validate(document.data, by_alias=True, by_name=False)
    except ValidationError as error:
        return None, translate(error, document, Scenario)
    problems = () if flow is None else tuple(_strange_steps(scenario, document, flow, flows or {}))
    if has_errors(problems):
        return None, problems
    lines = {at: position.line for at, position in document.positions.items()}
    return Written(scenario=scenario, file=str(path), lines=lines), problems


def _strange_steps(scenario: Scenario, document: Document, flow: Flow, flows: Mapping[str, Flow]) -> Iterator[Problem]:
    """Yield every address that means no step: it would compare nothing, or answer nothing."""
    for at, address in _addresses(scenario):
        if not is_step(address, flow, flows):
            ids = ", ".join(flow.plan.spots)
            mend = resembling(step_id(turns_in(address)[0]), flow.plan.spots, f"steps: {ids}")
            yield document.problem(at, f"flow {flow.flow!r} has no step {address!r}", mend)


def is_step(address: str, flow: Flow, flows: Mapping[str, Flow]) -> bool:
    """Tell whether an address means a step of a flow, or of one that a step of it begins, at any depth."""
    plain = turns_in(address)[0]
    parts = plain.split(".")
    if len(parts) == 1:
        return any(plain in within.plan.spots for within in _reached(flow, flows))
    for name in parts[:-1]:
        spot = flow.plan.spots.get(name)
        if spot is not None and (inner := _begun_by(spot.step, flows)) is not None:
            rest = parts[parts.index(name) + 1 :]
            return rest == ["undo"] or is_step(".".join(rest[rest[0] == "undo" :]), inner, flows)
        if not _is_item(name, flow):
            break
    is_undo = parts[-1] == "undo" and "undo" not in flow.plan.spots
    *items, last = parts[:-1] if is_undo else parts
    return last in flow.plan.spots and all(_is_item(part, flow) for part in items)


def _is_item(part: str, flow: Flow) -> bool:
    """Tell whether a part of an address is an item, such as `post[3]`."""
    name, bracket, rest = part.partition("[")
    spot = flow.plan.spots.get(name)
    return spot is not None and spot.step.each is not None and bool(bracket) and rest.removesuffix("]").isdigit()


def _begun_by(step: Step, flows: Mapping[str, Flow]) -> Flow | None:
    """Return the flow that a step, or what undoes it, begins."""
    return flows.get(step.flow or (step.undo.flow if step.undo is not None else None) or "")


def _reached(flow: Flow, flows: Mapping[str, Flow]) -> tuple[Flow, ...]:
    """Return a flow and all that its steps begin, at any depth."""
    found = {flow.flow: flow}
    waiting = [flow]
    while waiting:
        inner = (_begun_by(spot.step, flows) for spot in waiting.pop().plan.every)
        new = {f.flow: f for f in inner if f is not None and f.flow not in found}
        found |= new
        waiting += new.values()
    return tuple(found.values())


def _addresses(scenario: Scenario) -> Iterator[tuple[At, str]]:
    yield from ((("given", "jobs", key), key) for key in scenario.given.jobs)
    for index, entry in enumerate(scenario.when):
        at: At = ("when", index, entry.key)
        match entry.value:
            case Act(step=step) | Operation(step=str(step)):
                yield (*at, "step"), step
            case Expected() as expected:
                yield from _expected(expected, at)
            case _:
                pass
    yield from _expected(scenario.then, ("then",))


def _expected(expected: Expected, at: At) -> Iterator[tuple[At, str]]:
    named: Sequence[tuple[str, Iterable[str]]] = (
        ("steps", expected.steps),
        ("outcomes", expected.outcomes),
        ("asked", expected.asked),
        ("waiting", expected.waiting),
    )
    for key, addresses in named:
        yield from (((*at, key, address), address) for address in addresses)
    for key, listed in (("order", expected.order), ("undone", expected.undone)):
        yield from (((*at, key, index), address) for index, address in enumerate(listed or ()))
