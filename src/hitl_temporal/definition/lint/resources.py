"""Units of resources that the site does not have, or for which runs wait in a circle.

Must not know: who holds which.
"""

from collections.abc import Iterator, Mapping

from hitl_temporal.definition.documents import Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.plan import Spot

__all__ = ["check_kept", "check_resources"]


def check_resources(flow: Flow, document: Document, resources: Mapping[str, int]) -> Iterator[Problem]:
    """Yield what the steps of a flow use and nobody has, or not so much of.

    Args:
        flow: Uses them.
        document: Where it is written.
        resources: How many units there are of each.
    """
    for spot in flow.plan.every:
        for name, units in spot.step.uses.items():
            at = (*spot.at, "uses", name)
            if name not in resources:
                known = f"site.yaml has {', '.join(resources)}" if resources else "site.yaml has no `resources`"
                yield document.problem(at, f"unknown resource {name!r}", resembling(name, resources, known))
            elif units > resources[name]:
                message = f"{units} units of {name!r} are never free: there are {resources[name]}"
                yield document.problem(at, message, "use fewer, or add units in site.yaml")


def check_kept(flow: Flow, document: Document, flows: Mapping[str, Flow | None]) -> Iterator[Problem]:
    """Yield what keeps units while it waits for others that somebody takes in the opposite order.

    Args:
        flow: Keeps them.
        document: Where it is written.
        flows: Those of the project by name; None: its document is not right.
    """
    orders: dict[tuple[str, str], str] = {}
    for other in (f for name, f in flows.items() if f is not None and name != flow.flow):
        for spot, kept, name in _taken_beside(other):
            orders.setdefault((kept, name), f"step {spot.step.id!r} of flow {other.flow!r}")
    for spot, kept, name in _taken_beside(flow):
        if (opposite := orders.get((name, kept))) is not None:
            message = f"it waits for {name!r} while {kept!r} is kept, and {opposite} does the opposite: both may wait"
            mend = "take both at one place, or in the same order everywhere"
            yield document.problem((*spot.at, "uses", name), message, mend, "warning")
        orders.setdefault((kept, name), f"step {spot.step.id!r} of this flow")


def _taken_beside(flow: Flow) -> Iterator[tuple[Spot, str, str]]:
    """Yield each step that takes units, with what is kept around it all the while, and what it takes."""
    plan = flow.plan
    for spot in plan.every:
        for outer in plan.around(spot.step.id):
            holder = plan.spots[outer].step
            for kept in holder.uses if holder.keep else ():
                for name in spot.step.uses:
                    if name not in holder.uses:
                        yield spot, kept, name
