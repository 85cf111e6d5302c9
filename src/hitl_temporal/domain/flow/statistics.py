"""What past runs took, out of their facts: how long each step was under way, people included.

What people did is measured in open hours too, so that a night does not count as work.

Must not know: where facts are kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from hitl_temporal.domain.audit import Fact
from hitl_temporal.domain.calendar import Calendar, CalendarError, open_between
from hitl_temporal.domain.flow.address import step_id
from hitl_temporal.domain.flow.watch import Measure, Statistics

__all__ = ["measure"]

MAX_RUNS = 50
"""How many past runs are looked at: the newest say most."""


def measure(runs: Iterable[Sequence[Fact]], people: Mapping[str, Calendar]) -> Statistics:
    """Return what these runs took.

    Args:
        runs: The facts of each.
        people: The ids of the steps that people do, with the calendar in which they work.
    """
    count = 0
    whole: list[Fact] = []
    steps: dict[str, list[Fact]] = {}
    for facts in runs:
        count += 1
        for fact in facts:
            if fact.name == "run.ended" and fact.attributes.get("hitl.status") == "completed":
                whole.append(fact)
            elif fact.name == "step.succeeded" and fact.began is not None:
                steps.setdefault(step_id(str(fact.attributes.get("hitl.step"))), []).append(fact)
    return Statistics(
        runs=count,
        whole=_measured(whole, None) if whole else None,
        steps={step: _measured(facts, people.get(step)) for step, facts in steps.items()},
    )


def _measured(facts: Sequence[Fact], calendar: Calendar | None) -> Measure:
    lengths = sorted(_wall(fact) for fact in facts)
    median, p95 = _ranked(lengths, 50), _ranked(lengths, 95)
    if calendar is None:
        return Measure(count=len(facts), median=median, p95=p95)
    try:
        opened = sorted(open_between(fact.began or fact.at, fact.at, calendar) for fact in facts)
    except CalendarError:  # the calendar does not know times so long ago
        return Measure(count=len(facts), median=median, p95=p95)
    return Measure(
        count=len(facts), median=median, p95=p95, open_median=_ranked(opened, 50), open_p95=_ranked(opened, 95)
    )


def _wall(fact: Fact) -> timedelta:
    return fact.at - (fact.began or fact.at)


def _ranked(lengths: Sequence[timedelta], percent: int) -> timedelta:
    """Return the percentile by nearest rank: one of the lengths, never something between."""
    return lengths[max(-(-len(lengths) * percent // 100), 1) - 1]
