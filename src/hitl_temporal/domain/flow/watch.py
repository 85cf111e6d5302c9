"""What is kept of a run for those who watch over it: alerts under way, what is expected, tickets.

Must not know: how it changes, runs.
"""

from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.value import Value

__all__ = ["Alert", "AlertKind", "Expected", "Measure", "Statistics", "Ticket", "Watch"]

AlertKind = Literal["parked", "late", "projected"]


class Alert(Value):
    """People who are told one after the other, until what it is about is over or somebody looks at it.

    Attributes:
        number: Counts the alerts of a run, from 1.
        step: The address of the step that it is about; empty: the run.
        since: When it began.
        of: Since when the step is as it is: another time is another alert.
        entries: Whom to tell, by the moment at which they are due.
        due: Those moments, in the same order.
        told: How many entries have been told.
        acknowledged: Who looks at it; None: nobody has said so.
        title: What has happened, in one line.
        text: The same with why, and what releases it.
    """

    number: int
    kind: AlertKind
    step: str = ""
    since: AwareDatetime
    of: AwareDatetime
    entries: tuple[AlertEntry, ...]
    due: tuple[AwareDatetime, ...]
    told: int = 0
    acknowledged: str | None = None
    title: str
    text: str

    @property
    def next_due(self) -> AwareDatetime | None:
        """When the next entry is told, None when nobody is told any more."""
        return self.due[self.told] if self.acknowledged is None and self.told < len(self.due) else None


class Expected(Value):
    """The moments that an `expect` means for this run; None: it says none, or none that can be told."""

    start_by: AwareDatetime | None = None
    finish_by: AwareDatetime | None = None


class Measure(Value):
    """How long something took in past runs, by the clock on the wall, and in open hours where people did it.

    Attributes:
        count: How many times it was measured.
    """

    count: int
    median: timedelta
    p95: timedelta
    open_median: timedelta | None = None
    open_p95: timedelta | None = None


class Statistics(Value):
    """What past runs took.

    Attributes:
        runs: How many runs were looked at.
        whole: The runs themselves; None: none of them has ended well.
        steps: By the id of the step; one that was never done well is not there.
    """

    runs: int = 0
    whole: Measure | None = None
    steps: dict[str, Measure] = Field(default_factory=dict)


class Ticket(Value):
    """The ticket of one key.

    Attributes:
        step: The id of the step whose document it follows.
        stuck: The addresses of the steps that it is about, with the time since when each can't go on; None while it is
            done again.
        left: The addresses of those that have ended without recovery.
        ref: How the ticket system calls it; None: it is not known yet.
        state: `left` when what it was about has ended without recovery.
        error: Why the ticket system has refused it, empty when it has not.
        works: How many things were done with it: each has its own key.
    """

    key: str
    via: str | None = None
    step: str
    stuck: dict[str, AwareDatetime | None] = Field(default_factory=dict)
    left: tuple[str, ...] = ()
    ref: str | None = None
    state: Literal["open", "resolved", "left"] = "open"
    error: str = ""
    works: int = 0


class Watch(Value):
    """All of it.

    Attributes:
        routes: The entries of the site's `notify` that the definition names, as they were at the start.
        alerts: Those under way, by what they are about.
        raised: How many alerts there were.
        expected: By the id of the step; empty: the run itself.
        promised: What is expected and has neither come nor been found late: until when, by the address of the step and
            by the mark under which it is told once.
        due: The soonest of these.
        late: What was not kept: `address:what`, each once.
        projected: What it was projected of that it would not be kept, each once.
        statistics: What past runs took; None: it is not known.
        look_at: When the projection is to be looked at again though nothing has happened.
        tickets: By key.
    """

    routes: dict[str, tuple[AlertEntry, ...]] = Field(default_factory=dict)
    alerts: dict[str, Alert] = Field(default_factory=dict)
    raised: int = 0
    expected: dict[str, Expected] = Field(default_factory=dict)
    promised: dict[str, dict[str, AwareDatetime]] = Field(default_factory=dict)
    due: AwareDatetime | None = None
    late: tuple[str, ...] = ()
    projected: tuple[str, ...] = ()
    statistics: Statistics | None = None
    look_at: AwareDatetime | None = None
    tickets: dict[str, Ticket] = Field(default_factory=dict)
