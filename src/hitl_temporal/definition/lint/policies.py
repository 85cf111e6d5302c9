"""Policies of the site: whom they name, what they ask, and those that never count.

Must not know: what flows do.
"""

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.flow.policies import Policy
from hitl_temporal.domain.people import People

from .asks import check_blocks, check_doors
from .calendars import check_stage_calendars
from .deadlines import check_stage_deadlines
from .selectors import check_selectors_at, check_stage_selectors
from .stages import entries_of, stages_of_ask
from .votes import check_picks, check_votes

__all__ = ["lint_matches", "lint_policies"]


def lint_policies(site: Site, document: Document, people: People | None) -> Iterator[Problem]:
    """Yield what is wrong with the policies of a site, whichever flows there are."""
    for index, policy in enumerate(site.policies):
        at: At = ("policies", index)
        above = next((n for n, other in enumerate(site.policies[:index], 1) if _covers(other, policy)), None)
        if above is not None:
            message = f"this policy never counts: policy {above} matches all that it matches, and stands above it"
            yield document.problem(at, message, "put the narrower one first", "warning")
        if people is not None:
            yield from check_selectors_at((*at, "who"), policy.who, document, people)
        if policy.ask is not None:
            yield from _check_ask((*at, "ask"), policy.ask, document, people, site)


def lint_matches(site: Site, document: Document, flows: Collection[str]) -> Iterator[Problem]:
    """Yield the policies that are about no flow of the project."""
    for index, policy in enumerate(site.policies):
        glob = policy.match.flow
        if not any(fnmatchcase(name, glob) for name in flows):
            mend = resembling(glob, flows, f"flows: {', '.join(sorted(flows)) or 'none'}")
            at = ("policies", index, "match", "flow")
            yield document.problem(at, f"no flow is called {glob!r}", mend, "warning")


def _covers(first: Policy, second: Policy) -> bool:
    """Tell whether a policy is about everything that another one is about, as far as their names say."""
    flows = first.match.flow in {"*", second.match.flow}
    actions = not first.action or (bool(second.action) and set(second.action) <= set(first.action))
    return flows and actions


def _check_ask(at: At, ask: Ask, document: Document, people: People | None, site: Site) -> Iterator[Problem]:
    stages = tuple(stages_of_ask(at, ask))
    yield from check_blocks(entries_of(at, ask), document)
    yield from check_doors(stages, document)
    yield from check_stage_calendars(stages, document, site)
    yield from check_stage_deadlines(stages, document)
    yield from check_picks(stages, document)
    if people is not None:
        yield from check_stage_selectors(stages, document, people)
        yield from check_votes(stages, document, people)
