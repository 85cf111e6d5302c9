"""The proof over a whole trace: each workflow's chain, and what parents vouch for of their children.

A chain shows everything but the loss of its own tail. A child's tail is covered by its parent, which has put the
child's count and head into its own chain; the root's by whoever holds its result, else by the missing last fact alone.
The review of a broken glass is a root beside: the trace names it, and nobody vouches for its tail but its last fact.

Must not know: stores, networks, Temporal.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from hitl_temporal.domain.audit import CHILD_DIGEST, CHILD_EVENTS, CHILD_WORKFLOW, Evidence, Fact, reviews
from hitl_temporal.domain.chain import Chain, Problem, follow
from hitl_temporal.domain.value import Value

__all__ = ["Report", "abandoned", "export_lines", "verify", "verify_file"]


class Report(Value):
    """What verification has found.

    Attributes:
        status: `broken`: something is wrong; `incomplete`: nothing is, but a workflow has not told its end: it is still
            open, or its tail was cut off.
        events: How many facts were looked at.
        workflows: Of how many workflow executions.
        abandoned: How many of the facts a reset or retry has left behind.
        problems: At most one for each chain: the first thing that is wrong with it, and where.
    """

    ok: bool
    status: Literal["ok", "broken", "incomplete"]
    events: int
    workflows: int
    abandoned: int = 0
    problems: tuple[Problem, ...] = ()


class _Claim(Value):
    """What somebody vouches for: that a workflow's chain ended with this head."""

    workflow_id: str
    events: int
    digest: str
    by: str


def verify(facts: Sequence[Fact], result: Evidence | None = None) -> Report:
    """Prove the facts of one trace: a top-level workflow and everything under it, with the reviews that it names.

    Args:
        facts: Those of each workflow in the order in which they are kept.
        result: What the top-level workflow's result says; with it a lost tail is proof of tampering.
    """
    return _report(facts, result)


def verify_file(path: Path) -> Report:
    """Prove an export: one fact a line. A line that is no fact to the letter is a problem; `seq` is then the line."""
    facts: list[Fact] = []
    unreadable: list[Problem] = []
    # Bytes, and `\n` alone: JSON leaves other line separators unescaped, and a text would be split at them.
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line:
            continue
        try:
            facts.append(Fact.read(line.decode()))
        except ValueError as error:
            detail = f"line {number} is no fact to the letter: {str(error)[:200]}"
            unreadable.append(Problem(workflow_id="", seq=number, what="changed", detail=detail))
    return _report(facts, None, unreadable)


def abandoned(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return those facts that a reset or retry has left behind; none of a chain that is broken."""
    return tuple(fact for chain in _chains(facts) for fact in chain.abandoned)


def export_lines(facts: Iterable[Fact]) -> Iterator[str]:
    r"""Yield the lines of an export, each with its `\n`: `hash` is the SHA-256 of the rest of the line, canonical."""
    for fact in facts:
        yield fact.text() + "\n"


def _report(facts: Sequence[Fact], result: Evidence | None, unreadable: Sequence[Problem] = ()) -> Report:
    chains = _chains(facts)
    problems = (*unreadable, *_problems(facts, chains, result))
    is_broken = any(problem.what != "open" for problem in problems)
    status = "broken" if is_broken else "incomplete" if problems else "ok"
    return Report(
        ok=status == "ok",
        status=status,
        events=len(facts),
        workflows=len(chains),
        abandoned=sum(len(chain.abandoned) for chain in chains),
        problems=problems,
    )


def _chains(facts: Sequence[Fact]) -> tuple[Chain, ...]:
    executions: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        executions.setdefault((fact.workflow_id, fact.first_run_id), []).append(fact)
    return tuple(follow(its_facts) for its_facts in executions.values())


def _problems(facts: Sequence[Fact], chains: Sequence[Chain], result: Evidence | None) -> list[Problem]:
    if not facts:
        what = "removed" if result else "open"
        return [Problem(workflow_id="", seq=1, what=what, detail="there is no fact at all")]
    whole = [chain for chain in chains if chain.problem is None]
    broken = [chain.problem for chain in chains if chain.problem is not None]
    known = {problem.workflow_id for problem in broken}
    found = [*_strays(whole, facts), *_broken_claims(whole, result, known)]
    known |= {problem.workflow_id for problem in found}
    return [*broken, *found, *_open_ends(whole, known)]


def _strays(chains: Sequence[Chain], facts: Sequence[Fact]) -> Iterator[Problem]:
    """Yield the chains that don't hang in the trace: each but the root's begins under a fact that is there."""
    spans = {(fact.trace_id, fact.span_id) for fact in facts}
    roots = _roots(chains)
    reviewing = reviews(fact for chain in chains for fact in chain.live)
    for first in (chain.live[0] for chain in chains):
        if first.parent_span_id is None and first != roots[0] and first.workflow_id not in reviewing:
            yield _at(first, "foreign", f"the trace is that of {roots[0].workflow_id!r}")
        elif first.parent_span_id is not None and (first.trace_id, first.parent_span_id) not in spans:
            yield _at(first, "foreign", f"it hangs under span {first.parent_span_id}, and the trace has no such fact")


def _roots(chains: Sequence[Chain]) -> list[Fact]:
    """Return the first facts of top-level workflows: in front the one whose trace it is, which reviews no other."""
    reviewing = reviews(fact for chain in chains for fact in chain.live)
    firsts = (chain.live[0] for chain in chains if chain.live[0].parent_span_id is None)
    return sorted(firsts, key=lambda first: first.workflow_id in reviewing)


def _broken_claims(chains: Sequence[Chain], result: Evidence | None, known: set[str]) -> Iterator[Problem]:
    """Yield the children (and the root, if its result is given) that are not what their parents have vouched for.

    A claim may be met by an abandoned branch: the child was reset after it had answered.
    """
    for claim in _claims(chains, result):
        if claim.workflow_id in known:
            continue  # what is wrong with that chain is told already
        its_chains = [chain for chain in chains if chain.live[0].workflow_id == claim.workflow_id]
        tips = {(tip.seq, tip.hash) for chain in its_chains for tip in chain.tips}
        if (claim.events, claim.digest) not in tips:
            yield _unmet(claim, its_chains[-1].live if its_chains else ())


def _claims(chains: Sequence[Chain], result: Evidence | None) -> Iterator[_Claim]:
    for fact in (fact for chain in chains for fact in chain.live):
        match [fact.attributes.get(name) for name in (CHILD_WORKFLOW, CHILD_EVENTS, CHILD_DIGEST)]:
            case [str(child), int(events), str(digest)]:
                by = f"fact {fact.seq} of {fact.workflow_id!r}"
                yield _Claim(workflow_id=child, events=events, digest=digest, by=by)
            case _:
                continue
    for root in _roots(chains)[:1]:
        if result is not None:
            yield _Claim(workflow_id=root.workflow_id, events=result.events, digest=result.digest, by="its result")


def _unmet(claim: _Claim, live: Sequence[Fact]) -> Problem:
    said = f"{claim.by} vouches for {claim.events} facts with head {claim.digest[:16]}"
    if len(live) < claim.events:
        detail = f"facts {len(live) + 1} to {claim.events} are not there (removed, or not delivered yet): {said}"
        return Problem(workflow_id=claim.workflow_id, seq=len(live) + 1, what="removed", detail=detail)
    if len(live) > claim.events:
        return _at(live[claim.events], "inserted", f"it comes after the end: {said}")
    return _at(live[-1], "changed", f"the whole chain, or its end, was replaced: {said}")


def _open_ends(chains: Sequence[Chain], known: set[str]) -> Iterator[Problem]:
    for chain in chains:
        tip = chain.live[-1]
        if not chain.has_ended and tip.workflow_id not in known:
            yield _at(tip, "open", "open or truncated: it is the last fact there is, and not the workflow's end")


def _at(fact: Fact, what: Literal["foreign", "inserted", "changed", "open"], detail: str) -> Problem:
    return Problem(workflow_id=fact.workflow_id, seq=fact.seq, name=fact.name, what=what, detail=detail)
