"""The jobs of a simulation: each attempt is answered as a scenario says, and tried again as its step says.

A job of which nothing is said about how long it takes is over at once, with all its attempts; else attempts and the
pauses between them take their time.

Must not know: what becomes of a job that has ended.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hitl_temporal.domain.flow.address import place
from hitl_temporal.domain.flow.effects import StartCall, StartFlow
from hitl_temporal.domain.flow.events import Event, JobFailed, JobSucceeded, UndoFailed, UndoSucceeded
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.times import after
from hitl_temporal.domain.flow.within import block_of
from hitl_temporal.domain.simulation.agenda import Agenda
from hitl_temporal.domain.simulation.answers import Answers
from hitl_temporal.domain.simulation.scenario import Answer

__all__ = ["Effect", "Jobs", "end_of_call"]

Effect = StartCall | StartFlow
_NO_TIME = timedelta()


@dataclass
class _Job:
    """A job that is under way.

    Attributes:
        run: As it stood when the job began.
        who: Whose attempts are counted together.
        key: What answers it.
        number: The attempt, from 1.
        spent: How long it has taken so far, waits before another attempt included, also those that nobody waits for.
    """

    run: Run
    effect: Effect
    who: str
    key: str | None
    number: int = 0
    spent: timedelta = _NO_TIME


class Jobs:
    """What is under way, by run and step."""

    def __init__(self, agenda: Agenda, answers: Answers, end: Callable[[str, Effect, Answer], None]) -> None:
        """Take when things happen, what jobs answer, and who is told the end of one."""
        self._agenda = agenda
        self._answers = answers
        self._end = end
        self._open: dict[tuple[str, str, bool], _Job] = {}

    def is_given(self, run: Run, way: str, effect: Effect) -> bool:
        """Tell whether the scenario says what this gives."""
        return self._key_of(run, way, effect) is not None

    def start(self, run: Run, way: str, effect: Effect) -> None:
        """Begin a job; one that only looks for something that never comes does so for ever.

        Args:
            run: Whose it is.
            way: What stands before the addresses of its steps.
            effect: What begins it.
        """
        job = _Job(run, effect, way + effect.step, self._key_of(run, way, effect))
        self._open[run.id, effect.step, effect.undo] = job
        if job.key is not None or not (isinstance(effect, StartCall) and effect.is_watch):
            self._attempt(job)

    def stop(self, run: str, step: str) -> bool:
        """Stop what a step does, if it does anything; tell whether it did."""
        return self._open.pop((run, step, False), None) is not None

    def _key_of(self, run: Run, way: str, effect: Effect) -> str | None:
        around = run.definition.plan.around(effect.step)
        turns = {place(address).step: block_of(run, address).index for address in around}
        return self._answers.key_for(way + effect.step, turns, ".undo" if effect.undo else "")

    def _attempt(self, job: _Job) -> None:
        answer, now = self._answers.next(job.who, job.key), self._agenda.now
        job.number += 1
        length = _NO_TIME if answer.takes is None else after(job.run, now, answer.takes) - now
        limit = _limit(job)
        if limit is not None and length > limit:
            length, answer = limit, answer.but(fail=f"timed out after {_said(limit)}")
        job.spent += length
        self._agenda.put(lambda: self._end_attempt(job, answer), now + length)

    def _end_attempt(self, job: _Job, answer: Answer) -> None:
        if not self._is_open(job):
            return
        pause = None if answer.fail is None or answer.permanent else _pause(job)
        if pause is None:
            del self._open[job.run.id, job.effect.step, job.effect.undo]
            self._end(job.run.id, job.effect, answer)
            return
        job.spent += pause
        pause = _NO_TIME if answer.takes is None else pause
        self._agenda.put(lambda: self._attempt(job) if self._is_open(job) else None, self._agenda.now + pause)

    def _is_open(self, job: _Job) -> bool:
        """Tell whether a job has not been stopped, and its step perhaps begun again."""
        return self._open.get((job.run.id, job.effect.step, job.effect.undo)) is job


def _pause(job: _Job) -> timedelta | None:
    """Return how long is waited before a job is tried again, None when it has used up its attempts or its time."""
    effect = job.effect
    if isinstance(effect, StartFlow) or job.number >= (effect.attempts or job.number + 1):
        return None
    pause = min(effect.first_backoff * 2 ** min(job.number - 1, 30), max(effect.max_backoff, effect.first_backoff))
    return None if effect.budget is not None and job.spent + pause >= effect.budget else pause


def _limit(job: _Job) -> timedelta | None:
    """Return how long an attempt may last by what the document says; the defaults are for the real world."""
    if isinstance(job.effect, StartFlow):
        return None
    step = job.run.definition.step(job.effect.step)
    written = step.undo if job.effect.undo else step
    limits = [] if written is None or written.timeout is None else [job.effect.timeout]
    limits += [] if job.effect.budget is None else [job.effect.budget - job.spent]
    return min(limits, default=None)


def _said(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    return f"{seconds // 60}m" if seconds and seconds % 60 == 0 else f"{seconds}s"


def end_of_call(effect: StartCall, answer: Answer, at: datetime) -> Event:
    """Return what a call, or a command, comes to; a command that is not said to fail fails by its exit code."""
    step, n, code = effect.step, effect.n, answer.outcome
    error = answer.fail
    if effect.command is not None:
        code = code or ("0" if error is None else None)
        error = error if error is not None or code == "0" else f"exit code {code}"
    if effect.undo:
        return UndoSucceeded(at=at, step=step) if error is None else UndoFailed(at=at, step=step, error=error)
    if error is None:
        return JobSucceeded(at=at, step=step, n=n, outputs=answer.outputs, outcome=code)
    return JobFailed(at=at, step=step, n=n, error=error, outcome=code, outputs=answer.outputs)
