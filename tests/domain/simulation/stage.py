"""A scenario and its flow, written in a test, played out."""

from collections.abc import Mapping
from typing import Any

from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import Group, People, Person
from hitl_temporal.domain.simulation.playing import Played, play
from hitl_temporal.domain.simulation.scenario import Scenario
from hitl_temporal.domain.simulation.setting import Setting

Document = dict[str, Any]

PEOPLE = People(
    people={
        "ann": Person(name="Ann", manager="bob"),
        "bob": Person(name="Bob", via=("slack",)),
        "cai": Person(name="Cai"),
        "dee": Person(name="Dee"),
        "eli": Person(name="Eli", roles=("admin",)),
        "gus": Person(name="Gus", roles=("operator",)),
    },
    groups={"leads": Group(members=("bob",)), "secops": Group(members=("cai", "dee"))},
)


def call(step: str, **envelope: Any) -> Document:
    """Return a step that calls `job.<id>`."""
    return {"id": step, "call": f"job.{step}", **envelope}


def ask(step: str, *who: str, **envelope: Any) -> Document:
    """Return a step that asks these; bob where nobody is named."""
    document = {"title": "May we?", "who": list(who) or ["user:bob"], **envelope.pop("asked", {})}
    return {"id": step, "ask": document, **envelope}


def flow(*steps: Document, **more: Any) -> Flow:
    """Return a flow of these steps."""
    return Flow.model_validate({"flow": "sample", "steps": list(steps), **more})


def played(
    definition: Flow,
    *when: Document,
    then: Document | None = None,
    flows: Mapping[str, Flow] | None = None,
    resources: Mapping[str, int] | None = None,
    check: Any = None,
    **given: Any,
) -> Played:
    """Return what came of a story of a flow; ann asks."""
    document = {
        "scenario": "a test",
        "given": {"requester": "ann", **given},
        "when": list(when),
        "then": then or {},
    }
    more = {} if check is None else {"check": check}
    setting = Setting(people=PEOPLE, flows={"sample": definition, **(flows or {})}, resources=resources, **more)
    return play(Scenario.model_validate(document), definition, setting)


def different(outcome: Played) -> dict[str, str]:
    """Return what came out otherwise, by place."""
    return {".".join(map(str, d.at)): d.message for d in outcome.differences}


def holds(definition: Flow, *when: Document, **more: Any) -> None:
    """Demand that a story comes out as it says."""
    outcome = played(definition, *when, **more)
    assert different(outcome) == {}, outcome.refused
