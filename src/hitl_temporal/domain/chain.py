"""The proof that the facts of one workflow execution are whole and untouched, or the first place where they are not.

A fact keeps the run id in which it was judged, and its hash covers it. Where a new run id sets in, the hash tells why.
Continue-as-new carries the trail over: the first fact follows the last one of the run before. A reset makes Temporal
replay the history under the new run id: that run judges the facts again, with no difference but the run id, and tells
only what it had not told. Its first fact follows the earlier ones *as this run judged them* (`_head_in`), and what it
left behind is abandoned, not wrong. A retry is a reset to before the first fact. A second branch that none of these
explains is a fork.

What no chain can show: that its tail was cut off (a result or a parent that holds the head can), and that an abandoned
branch was cut short (nobody holds its head).

Must not know: stores, Temporal, other workflows of the trace.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from typing import Literal

from hitl_temporal.domain.audit import Fact, span_id, trace_id
from hitl_temporal.domain.value import Value

__all__ = ["Chain", "Problem", "Wrong", "follow", "verify_chain"]

Wrong = Literal["changed", "removed", "reordered", "inserted", "foreign", "fork", "open"]
"""What can be wrong. `open` proves no tampering: the workflow has not told its end yet, or its end was cut off."""


class Problem(Value):
    """One thing that is wrong with a trail, and where.

    Attributes:
        seq: The place in the workflow's chain, from 1.
        name: The name of the fact that is there, empty if none is.
        detail: One sentence for a person.
    """

    workflow_id: str
    seq: int
    name: str = ""
    what: Wrong
    detail: str


class Chain(Value):
    """The facts of one workflow execution, put together.

    Attributes:
        live: The branch that counts, from the first fact to the tip.
        abandoned: Facts that resets and retries left behind.
        tips: The last fact of each branch, of abandoned ones too.
        problem: The first thing that is wrong; the other attributes then say nothing.
    """

    live: tuple[Fact, ...] = ()
    abandoned: tuple[Fact, ...] = ()
    tips: tuple[Fact, ...] = ()
    problem: Problem | None = None

    @property
    def has_ended(self) -> bool:
        """Tell whether the workflow has told its end: `approval.ended` where the first fact is `approval.opened`."""
        return bool(self.live) and self.live[-1].name == _end_of(self.live[0])


def verify_chain(facts: Sequence[Fact]) -> tuple[Problem, ...]:
    """Return the first thing that is wrong with the facts of one workflow execution, or nothing.

    Args:
        facts: In the order in which they are kept; those of each run are in the order of `seq`.
    """
    problem = follow(facts).problem
    return (problem,) if problem else ()


def follow(facts: Sequence[Fact]) -> Chain:
    """Follow the chain from its first fact through every run, up to the first thing that is wrong."""
    if not facts:
        return Chain()
    # A fact that was inserted may stand first, so the chain is whose most facts say it is.
    [(home, _)] = Counter(map(_home, facts)).most_common(1)
    genuine = tuple(takewhile(lambda fact: _flaw(fact, home) is None, facts))
    chain = _join(genuine)
    if chain.problem or len(genuine) == len(facts):
        return chain
    return Chain(problem=_flaw(facts[len(genuine)], home))


def _home(fact: Fact) -> tuple[str, str, str]:
    return fact.workflow_id, fact.first_run_id, fact.trace_id


def _flaw(fact: Fact, home: tuple[str, str, str]) -> Problem | None:
    """Say what is wrong with a fact by itself, wherever it stands."""
    if not fact.is_sealed:
        return _problem(fact, "changed", "its content does not have the hash that it states")
    if _home(fact) != home:
        return _problem(fact, "foreign", f"it belongs to workflow {fact.workflow_id!r}, trace {fact.trace_id}")
    if fact.span_id != span_id(fact.workflow_id, fact.first_run_id, fact.key):
        return _problem(fact, "changed", f"its span id does not derive from its key {fact.key!r}")
    if fact.parent_span_id is None and fact.trace_id != trace_id(fact.workflow_id, fact.first_run_id):
        return _problem(fact, "foreign", "it heads a trace whose id does not derive from its workflow")
    return None


def _end_of(root: Fact) -> str:
    return f"{root.subject}.ended"


def _join(facts: Sequence[Fact]) -> Chain:
    """Join the runs: each goes on from a fact of an earlier one, by continue-as-new, reset or retry."""
    runs: dict[str, list[Fact]] = {}
    for fact in facts:
        runs.setdefault(fact.run_id, []).append(fact)
    tips = {run_id: run[-1] for run_id, run in runs.items()}
    branches: list[tuple[Fact, ...]] = []
    for run in sorted(runs.values(), key=lambda run: run[0].seq):
        before = _before(run[0], branches, tips)
        if before is None:
            return Chain(problem=_unjoined(run, branches))
        branch = (*before, *run)
        if problem := _gap(run, _end_of(branch[0])):
            return Chain(problem=problem)
        branches.append(branch)
    # At a tie the later run is the live one; `max` returns the first of equals.
    live = max(reversed(branches), key=lambda branch: branch[-1].at, default=())
    kept = {(fact.seq, fact.run_id) for fact in live}
    return Chain(
        live=live,
        abandoned=tuple(fact for fact in facts if (fact.seq, fact.run_id) not in kept),
        tips=tuple(branch[-1] for branch in branches),
    )


def _before(first: Fact, branches: Sequence[tuple[Fact, ...]], tips: Mapping[str, Fact]) -> tuple[Fact, ...] | None:
    """Return the facts that the first fact of a run follows, None if there are none such."""
    if first.seq == 1:
        return () if not first.prev else None
    starts = [branch[: first.seq - 1] for branch in branches if len(branch) >= first.seq - 1]
    for start in starts:
        is_carried = start[-1].hash == first.prev and tips[start[-1].run_id] == start[-1]
        if is_carried or any(_head_in(first.run_id, start, since) == first.prev for since in _run_starts(start)):
            return start
    return None


def _run_starts(facts: Sequence[Fact]) -> Iterator[int]:
    """Yield the places where a run may have begun whose history a reset replays."""
    yield 0
    yield from (n for n in range(1, len(facts)) if facts[n].run_id != facts[n - 1].run_id)


def _head_in(run_id: str, facts: Sequence[Fact], since: int) -> str:
    """Return the head that these facts have in a run that judged those from `since` on again and carried the rest."""
    head = facts[since].prev
    for fact in facts[since:]:
        head = fact.but(run_id=run_id, prev=head).seal().hash
    return head


def _gap(run: Sequence[Fact], end: str) -> Problem | None:
    """Say where the facts of one run first stop following each other."""
    for before, fact in pairwise(run):
        expected = before.seq + 1
        if fact.seq > expected:
            return _missing(run, expected, fact)
        if fact.seq < expected and run.count(fact) > 1:
            return _problem(fact, "inserted", "it is there more than once")
        if fact.seq < expected:
            return _problem(fact, "fork", f"run {fact.run_id!r} tells two different facts here")
        if fact.prev != before.hash:
            return _problem(fact, "changed", f"it does not follow fact {before.seq}: one of the two was replaced")
        if before.name == end:
            return _problem(fact, "inserted", f"the workflow had told its end ({end!r}) before it")
    return None


def _unjoined(run: Sequence[Fact], branches: Sequence[tuple[Fact, ...]]) -> Problem:
    first = run[0]
    if first.seq == 1:
        return _problem(first, "removed", "it states that a fact comes before it, and says that it is the first")
    known = max(map(len, branches), default=0)
    if known < first.seq - 1:
        return _missing(run, known + 1, first)
    return _problem(first, "fork", f"run {first.run_id!r} does not go on from any fact {first.seq - 1} that is there")


def _missing(run: Sequence[Fact], expected: int, found: Fact) -> Problem:
    if any(fact.seq == expected for fact in run):
        detail = f"fact {expected} belongs before {found.name!r} ({found.seq}) and comes after it"
        return _problem(found, "reordered", detail).but(seq=expected)
    last = found.seq - 1
    gap = f"fact {expected} is" if last == expected else f"facts {expected} to {last} are"
    detail = f"{gap} missing before {found.name!r} ({found.seq})"
    return _problem(found, "removed", detail).but(seq=expected, name="")


def _problem(fact: Fact, what: Wrong, detail: str) -> Problem:
    return Problem(workflow_id=fact.workflow_id, seq=fact.seq, name=fact.name, what=what, detail=detail)
