"""Numbers of votes that can't be reached, votes that count for nothing, and weights of people who are not asked.

Must not know: who will ask, who is away.
"""

from collections.abc import Iterable, Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.notation import picking
from hitl_temporal.domain.approval.stage import Stage
from hitl_temporal.domain.people import People

from .selectors import why_nobody
from .stages import Placed, stages_of_ask

__all__ = ["check_ask_weights", "check_picks", "check_votes"]


def check_picks(stages: Iterable[Placed], document: Document) -> Iterator[Problem]:
    """Yield the thresholds that so few as are picked can't reach, whoever they are."""
    for at, stage, _ in map(_completed, stages):
        for key, threshold, most in _out_of_reach_of_picked(stage):
            message = f"`{key}: {threshold}` can't be reached: `pick: {stage.pick}` asks {most}"
            yield document.problem((*at, key), message, "pick more people, or ask for fewer votes")


def check_votes(stages: Iterable[Placed], document: Document, people: People) -> Iterator[Problem]:
    """Yield the thresholds above what those named can reach, votes for no entry, and weights of who is not asked."""
    for placed in stages:
        yield from _check_thresholds(_completed(placed), document, people)
        yield from _check_entries(_completed(placed), document, people)
        weights = placed.stage.weights or {}
        yield from _check_weights((*placed.at, "weights"), weights, (placed.stage,), document, people)


def check_ask_weights(at: At, ask: Ask, document: Document, people: People) -> Iterator[Problem]:
    """Yield the weights that an ask gives to people whom none of its stages asks."""
    stages = tuple(s.stage for s in stages_of_ask(at, ask) if s.stage.weights is None)
    if stages:
        yield from _check_weights((*at, "weights"), ask.weights or {}, stages, document, people)


def _completed(placed: Placed) -> Placed:
    return placed if placed.ask is None else placed._replace(stage=placed.ask.complete(placed.stage))


def _out_of_reach_of_picked(stage: Stage) -> Iterator[tuple[str, int, int]]:
    """Yield key, number and what is the most for each number of votes above what those who are picked have."""
    if stage.pick is None or isinstance(stage.quiet, tuple):  # who is quiet may act beside those who are picked
        return
    most = picking(stage.pick).people * max((stage.weights or {}).values(), default=1)
    for key, threshold in (("approve", stage.approve), ("reject", stage.reject)):
        if isinstance(threshold, int) and threshold > most:
            yield key, threshold, most


def _check_thresholds(placed: Placed, document: Document, people: People) -> Iterator[Problem]:
    at, stage, _ = placed
    if any(_out_of_reach_of_picked(stage)):
        return  # Told already, and worse.
    quiet = stage.quiet if isinstance(stage.quiet, tuple) else ()
    numbers = [((*at, "approve"), stage.approve, (*stage.who, *quiet))] if stage.who else []
    for index, way in enumerate(stage.any_of):
        helping = quiet if len(stage.any_of) == 1 else ()
        numbers.append(((*at, "any_of", index, "approve"), way.approve, (*way.who, *helping)))
    numbers.append(((*at, "reject"), stage.reject, (*(s for a in stage.alternatives for s in a.who), *quiet)))
    for where, threshold, who in numbers:
        votes = _votes(stage, who, people)
        if isinstance(threshold, int) and votes is not None and 0 < votes < threshold:
            message = f"`{where[-1]}: {threshold}`, but those named have {votes} in all: the stage would park"
            yield document.problem(where, message, "name more people, or ask for fewer votes", "warning")


def _check_entries(placed: Placed, document: Document, people: People) -> Iterator[Problem]:
    """Yield who may come to vote and is named by no entry, where a vote counts only for those that name its author."""
    at, stage, _ = placed
    ways = stage.alternatives
    if len(ways) == 1 and ways[0].approve != "each":
        return
    entries = (*(s for w in ways for s in w.who), *stage.fallback)
    known = _named(entries, people)
    quiet = stage.quiet if isinstance(stage.quiet, tuple) else ()
    helpers = [((*at, "quiet", index), selector) for index, selector in enumerate(quiet)]
    for index, step in enumerate(stage.escalate):
        if step.how == "add":
            helpers.extend(((*at, "escalate", index, "to", n), selector) for n, selector in enumerate(step.to))
    for where, selector in helpers:
        named = _named((selector,), people)
        if selector not in entries and known and named and named.isdisjoint(known):
            several = "several `any_of`" if len(ways) > 1 else "`approve: each`"
            message = f"{selector!r} is in no entry of `who`: under {several} nobody of it can agree, only refuse"
            mend = "name it in an entry, or make a stage of each entry, side by side (`parallel`)"
            yield document.problem(where, message, mend, "warning")


def _votes(stage: Stage, who: tuple[str, ...], people: People) -> int | None:
    """Return how many votes the active people of some selectors have, None when that depends on the request."""
    named, weights = _named(who, people), stage.weights or {}
    if named is None or any(_named((selector,), people) is None for selector in weights):
        return None
    votes = dict.fromkeys((p for p in named if people.people[p].active), 1)
    for selector, weight in sorted(weights.items(), key=lambda pair: pair[1]):  # of several the largest counts
        votes.update(dict.fromkeys(votes.keys() & set(people.resolve(selector)), weight))
    return sum(votes.values())


def _check_weights(
    at: At, weights: Iterable[str], stages: tuple[Stage, ...], document: Document, people: People
) -> Iterator[Problem]:
    asked = tuple(s for stage in stages for s in _asked(stage))
    everybody = _named(asked, people)
    for selector in weights:
        named = _named((selector,), people)
        if selector not in asked and everybody is not None and named is not None and named.isdisjoint(everybody):
            message = f"{selector!r} has a weight, but nobody of it is asked"
            yield document.problem((*at, selector), message, "name it in `who`, or remove it", "warning")


def _asked(stage: Stage) -> Iterator[str]:
    """Yield the selectors of everybody who may come to vote in a stage."""
    for way in stage.alternatives:
        yield from way.who
    yield from stage.fallback
    yield from stage.quiet if isinstance(stage.quiet, tuple) else ()
    for step in stage.escalate:
        yield from step.to if step.how != "notify" else ()


def _named(selectors: Iterable[str], people: People) -> frozenset[str] | None:
    """Return the people that selectors name; None when that depends on the request, or one is wrong anyway."""
    found: set[str] = set()
    for selector in selectors:
        if "{{" in selector or selector == "manager:requester" or why_nobody(selector, people) is not None:
            return None
        found.update(people.resolve(selector))
    return frozenset(found)
