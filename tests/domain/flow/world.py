"""A run with the world around it played by hand: jobs, people, clocks and operators of a test."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hitl_temporal.domain.approval.records import Decision
from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.address import child_id
from hitl_temporal.domain.flow.commands import Receipt, parse
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.effects import Effect, Reply, StartAsk, StartCall, StartFlow, StopStep
from hitl_temporal.domain.flow.machine import advance, new_run, next_moment
from hitl_temporal.domain.flow.state import Run, StepRun
from hitl_temporal.domain.people import Card, Roster

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
EVIDENCE = Evidence(trace_id="0" * 32, events=3, digest="d" * 64)
ROSTER = Roster(
    members={"group:gate": ("hal",)},
    cards={
        "ann": Card(name="Ann", roles=("admin",)),
        "bea": Card(name="Bea"),
        "bob": Card(name="Bob"),
        "eli": Card(name="Eli", roles=("admin",)),
        "fay": Card(name="Fay", active=False, roles=("admin",)),
        "gus": Card(name="Gus", roles=("operator",)),
        "hal": Card(name="Hal", roles=("admin",)),
    },
)
"""`ann` asks; she is an admin, so that only the bars keep her from passing her own request."""

Document = dict[str, Any]


def call(step: str, **envelope: Any) -> Document:
    """Return a step that calls `job.<id>`."""
    return {"id": step, "call": f"job.{step}", **envelope}


def ask(step: str, *, asked: Document | None = None, **envelope: Any) -> Document:
    """Return a step that asks `bob`."""
    return {"id": step, "ask": {"title": "May we?", "who": ["user:bob"], **(asked or {})}, **envelope}


def wait(step: str, duration: str = "1h", **envelope: Any) -> Document:
    """Return a step that waits."""
    return {"id": step, "wait": {"for": duration}, **envelope}


def do(step: str, *steps: Document, **envelope: Any) -> Document:
    """Return a block."""
    return {"id": step, "do": list(steps), **envelope}


def each(step: str, items: Any, *steps: Document, **envelope: Any) -> Document:
    """Return a step that goes through items."""
    return {"id": step, "each": items, "do": list(steps), **envelope}


def undo(step: str, **arguments: Any) -> Document:
    """Return a compensation that calls `undo.<id>`."""
    return {"call": f"undo.{step}", "with": arguments}


def granted(step: str, duration: str = "2d", *, extend: Document | None = None, **envelope: Any) -> Document:
    """Return a step that grants for this time and is undone afterwards."""
    grant = {"for": duration, **({} if extend is None else {"extend": extend})}
    return call(step, **{"undo": undo(step, was="{{ self.outputs.id }}"), "grant": grant, **envelope})


def answered(
    outcome: str,
    *,
    positive: bool | None = None,
    by: tuple[str, ...] = ("bob",),
    amended: Document | None = None,
    material: Document | None = None,
    more: tuple[Decision, ...] = (),
    **form: Any,
) -> Result:
    """Return the result of an approval, with `more` decisions after those of `by`."""
    decisions = tuple(
        Decision(key=f"k{i}", actor=actor, stage="decision", outcome=outcome, at=START, digest="d")
        for i, actor in enumerate(by)
    )
    is_positive = outcome == "approved" if positive is None else positive
    return Result.model_construct(
        outcome=outcome,
        positive=is_positive,
        decisions=(*decisions, *more),
        form=form,
        token="t",
        digest="d",
        evidence=EVIDENCE,
        amended=amended or {},
        material=material or {},
    )


class World:
    """Feeds events to a run and keeps every effect of it; time passes only when a test says so."""

    def __init__(
        self,
        *steps: Document,
        inputs: Mapping[str, Any] | None = None,
        declared: Document | None = None,
        calendars: Mapping[str, Calendar] | None = None,
        flows: Mapping[str, list[Document]] | None = None,
        begun: bool = True,
        **flow: Any,
    ) -> None:
        self.now = START
        self.definition = Flow.model_validate(
            {"flow": "sample", "steps": list(steps), "inputs": declared or {}, **flow}
        )
        self.first = new_run(
            "r",
            self.definition,
            dict(inputs or {}),
            requester="ann",
            at=START,
            on_behalf_of="bea",
            calendars=dict(calendars or {}),
            flows={n: Flow.model_validate({"flow": n, "steps": inner}) for n, inner in (flows or {}).items()},
        )
        self.run: Run = self.first
        self.fed: list[events.Event] = []
        self.effects: list[Effect] = []
        self.last: tuple[Effect, ...] = ()
        if begun:
            self.feed(events.Begun(at=self.now))

    def feed(self, event: events.Event) -> tuple[Effect, ...]:
        """Let this happen; keep and return what is to be done."""
        self.fed.append(event)
        self.run, self.last = advance(self.run, event)
        self.effects.extend(self.last)
        return self.last

    def succeeds(self, step: str, n: int | None = None, **outputs: Any) -> "World":
        """A call has given these outputs."""
        event = {"at": self.now, "step": step, "n": self.n(step, n), "outputs": outputs}
        self.feed(events.JobSucceeded.model_validate(event))
        return self

    def fails(self, step: str, error: str = "out of order", n: int | None = None) -> "World":
        """A call has used up its retries, or a question could not be put."""
        self.feed(events.JobFailed(at=self.now, step=step, n=self.n(step, n), error=error))
        return self

    def stops(self, step: str, n: int | None = None) -> "World":
        """What was to be stopped has stopped."""
        self.feed(events.JobCancelled(at=self.now, step=step, n=self.n(step, n)))
        return self

    def answers(self, step: str, outcome: str = "approved", n: int | None = None, **more: Any) -> "World":
        """A question has its outcome."""
        n = self.n(step, n)
        result = answered(outcome, **more)
        approval = child_id("r", step, n)
        told = events.AskAnswered(at=self.now, step=step, n=n, approval=approval, result=result)
        self.feed(told)
        return self

    def ends(self, step: str, status: str = "completed", n: int | None = None, **outputs: Any) -> "World":
        """A run within has ended."""
        n = self.n(step, n)
        child = child_id("r", step, n)
        event = {"at": self.now, "step": step, "n": n, "child": child, "status": status, "outputs": outputs}
        self.feed(events.FlowEnded.model_validate(event))
        return self

    def taken(self, step: str) -> "World":
        """The id of a question is somebody else's."""
        self.feed(events.AttemptTaken(at=self.now, step=step, n=self.n(step)))
        return self

    def extension(self, step: str, outcome: str = "approved", k: int = 1, n: int | None = None, **more: Any) -> "World":
        """People have answered whether a grant may be extended."""
        result = answered(outcome, by=() if outcome == "withdrawn" else ("bob",), **more)
        approval = self.about(step, k, n)
        self.feed(events.ExtensionAnswered(at=self.now, step=step, approval=approval, result=result))
        return self

    def extension_fails(self, step: str, k: int = 1, n: int | None = None, *, error: str = "lost") -> "World":
        """A question about an extension could not be put."""
        self.feed(events.ExtensionFailed(at=self.now, step=step, approval=self.about(step, k, n), error=error))
        return self

    def extension_taken(self, step: str, k: int = 1, n: int | None = None) -> "World":
        """The id of a question about an extension is somebody else's."""
        self.feed(events.ExtensionTaken(at=self.now, step=step, approval=self.about(step, k, n)))
        return self

    def repaired(self, step: str, outcome: str, **form: Any) -> "World":
        """People have said what to do about a failure."""
        asked = self.run.steps[step].repair
        assert asked is not None
        result = answered(outcome, positive=outcome not in {"expired", "withdrawn"}, **form)
        self.feed(events.RepairAnswered(at=self.now, step=step, approval=asked.approval, result=result))
        return self

    def repair_fails(self, step: str, error: str = "lost") -> "World":
        """The question what to do about a failure could not be put."""
        asked = self.run.steps[step].repair
        assert asked is not None
        self.feed(events.RepairFailed(at=self.now, step=step, approval=asked.approval, error=error))
        return self

    def hears(self, kind: str, id_: str = "1", *, actor: str = "system:event", **attributes: Any) -> Receipt:
        """An event comes from outside."""
        return self.operate("event", actor=actor, type=kind, source="/s", id=id_, **attributes)

    def about(self, step: str, k: int = 1, n: int | None = None) -> str:
        """Return the id of a question about an extension."""
        return f"r.{step}.{self.n(step, n)}.extend.{k}"

    def undone(self, step: str) -> "World":
        """A step has been undone."""
        self.feed(events.UndoSucceeded(at=self.now, step=step))
        return self

    def undo_fails(self, step: str, error: str = "gone") -> "World":
        """A compensation has used up its retries."""
        self.feed(events.UndoFailed(at=self.now, step=step, error=error))
        return self

    def passes(self, **length: float) -> "World":
        """Time goes by."""
        self.now += timedelta(**length)
        self.feed(events.TimePassed(at=self.now))
        return self

    def operate(self, action: str, step: str | None = None, *, actor: str = "eli", **fields: Any) -> Receipt:
        """Send a command as this person and return its receipt."""
        command = parse(action, {"actor": actor, "step": step, **fields})
        if isinstance(command, Receipt):
            return command
        self.feed(events.Operated(at=self.now, action=action, command=command, roster=ROSTER))
        return next(e.receipt for e in self.last if isinstance(e, Reply))

    def n(self, step: str, n: int | None = None) -> int:
        """Return the start that is meant: this one, or the present one."""
        return self.run.steps[step].n if n is None else n

    def step(self, step: str) -> StepRun:
        """Return a step as it stands."""
        return self.run.steps[step]

    @property
    def states(self) -> dict[str, str]:
        """The state of each step, in document order."""
        return {name: step.state for name, step in self.run.steps.items()}

    @property
    def started(self) -> list[str]:
        """The steps whose calls, questions and runs have been started, in order."""
        starts = (StartAsk, StartCall, StartFlow)
        return [e.step for e in self.effects if isinstance(e, starts) and not getattr(e, "undo", False)]

    @property
    def undos(self) -> list[str]:
        """The steps whose compensation has been started, in order."""
        return [e.step for e in self.effects if isinstance(e, (StartCall, StartFlow)) and e.undo]

    @property
    def stopping(self) -> list[str]:
        """The steps that were told to stop, in order."""
        return [e.step for e in self.effects if isinstance(e, StopStep)]

    @property
    def facts(self) -> list[Record]:
        """The facts so far, in order."""
        return [e for e in self.effects if isinstance(e, Record)]

    @property
    def next_moment(self) -> datetime | None:
        """When the run wants to be told the time."""
        return next_moment(self.run)
