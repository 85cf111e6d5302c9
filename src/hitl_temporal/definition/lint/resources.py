"""Units of resources that the site does not have.

Must not know: who holds which.
"""

from collections.abc import Iterator, Mapping

from hitl_temporal.definition.documents import Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.domain.flow.definition import Flow

__all__ = ["check_resources"]


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
