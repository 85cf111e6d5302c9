"""Waiting for the end of a run, and what its end means for the exit code.

A service or worker that is restarted meanwhile does not end the wait. A run that can't go on by itself does: somebody
has to see to it, so a script must not hang on it in silence.

Must not know: how a run was started.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from hitl_temporal.cli import output
from hitl_temporal.cli.errors import DONE, FAILED, NEGATIVE, PARKED, TIMED_OUT, CommandError

if TYPE_CHECKING:
    from hitl_temporal.cli.session import Session
    from hitl_temporal.client import ApiError, Client, Run

LONGEST_POLL = timedelta(seconds=30)
POLL_FOR_PARKED = timedelta(seconds=5)
"""A poll is answered by the end of a run alone, so what has parked is seen when the poll is over."""
LONGEST_SILENCE = timedelta(minutes=5)
"""After so long without an answer the service is given up; the run is not."""

_PAUSE_SECONDS = 1.0
_NEGATIVE = frozenset({"rejected", "expired", "withdrawn"})


class Patience(NamedTuple):
    """How long to wait.

    Attributes:
        timeout: None: for ever.
        even_parked: Whether to go on when the run can't.
    """

    timeout: timedelta | None = None
    even_parked: bool = False


def wait_for(session: "Session", run_id: str, patience: Patience, *, has_answered: bool = False) -> int:
    """Wait, print the result (or, if there is none, how far the run has come) as JSON, and return the exit code.

    Args:
        session: Who waits.
        run_id: For which run.
        patience: How long.
        has_answered: Whether the service is known to be there; one that never was is not waited for.
    """
    run, code, why = _Wait(session, run_id, patience, has_answered=has_answered).until_over()
    output.as_json(_result(run))
    if why:
        output.error(why)
    return code


def exit_code(status: str) -> int:
    """Return the exit code that the final status of a run stands for."""
    return DONE if status == "completed" else NEGATIVE if status in _NEGATIVE else FAILED


class _TimedOutError(CommandError):
    """The time was over while nobody answered, so there is not even a result so far."""

    code = TIMED_OUT


class _Wait:
    def __init__(self, session: "Session", run_id: str, patience: Patience, *, has_answered: bool) -> None:
        self._client: Client = session.client
        self._world = session.world
        self._id = run_id
        self._patience = patience
        self._began = self._heard = session.world.clock()
        self._has_answered = has_answered
        self._told = ""

    def until_over(self) -> tuple["Run", int, str]:
        """Return the run as it is when the wait is over, the exit code, and why, where the run does not say it.

        Raises:
            ApiError: There is no such run, or nobody has answered for too long.
        """
        from hitl_temporal.client import UnavailableError, UnreachableError

        poll = timedelta(seconds=1)  # the first look comes soon: what parks mostly parks at once
        while True:
            asked = self._world.clock()
            try:
                run = self._client.run(self._id, wait=min(poll, self._left))
                if over := self._over(run):
                    return run, *over
                self._tell()
            except (UnavailableError, UnreachableError) as error:
                if isinstance(error, UnreachableError) and not self._has_answered:
                    raise
                self._bear(error)
                continue
            self._heard, self._has_answered = self._world.clock(), True
            if self._heard - asked < _PAUSE_SECONDS:
                self._world.sleep(_PAUSE_SECONDS)  # a service that holds no answer back is not asked without a pause
            poll = LONGEST_POLL if self._patience.even_parked else POLL_FOR_PARKED

    @property
    def _left(self) -> timedelta:
        if self._patience.timeout is None:
            return LONGEST_POLL
        return max(self._patience.timeout - timedelta(seconds=self._world.clock() - self._began), timedelta(0))

    def _over(self, run: "Run") -> tuple[int, str] | None:
        """Return the exit code and why, None while the wait goes on."""
        if run.has_ended:
            return exit_code(run.status), run.reason and f"{self._id} has ended {run.status}: {run.reason}"
        if not self._patience.even_parked and (stuck := _stuck(self._client, run)):
            return PARKED, stuck
        if not self._left:
            more = f"it goes on; `hitl wait {self._id}` waits again, `hitl why {self._id}` says for what"
            return TIMED_OUT, f"{self._id} has not ended within {self._patience.timeout}; {more}"
        return None

    def _bear(self, error: "ApiError") -> None:
        """Go on although nobody answers, for a while."""
        if not self._left:
            raise _TimedOutError(f"{self._id} has not ended within {self._patience.timeout}, and {error}") from error
        if timedelta(seconds=self._world.clock() - self._heard) > LONGEST_SILENCE:
            raise error
        self._say(f"still waiting for {self._id}: {error}")
        self._world.sleep(_PAUSE_SECONDS)

    def _tell(self) -> None:
        """Say to whoever watches what the run waits for, when that has changed."""
        if output.is_watched():
            self._say("; ".join(f"{r.step} waits for {r.releases or r.reason}" for r in self._client.why(self._id)))

    def _say(self, text: str) -> None:
        if text and text != self._told:
            output.note(text)
            self._told = text


def _stuck(client: "Client", run: "Run") -> str:
    """Return why a run, or an approval it waits for, can't go on by itself; empty when it can."""
    from hitl_temporal.client import NotFoundError
    from hitl_temporal.domain.waits import way_out

    parked = [f"{name}: {step.reason or 'parked'}" for name, step in run.steps.items() if step.state == "parked"]
    if parked or run.status == "parked":
        more = f"`hitl why {run.id}` says what releases it"
        return f"{run.id} is parked: {'; '.join(parked) or run.reason or 'see why'}; {more}"
    for approval_id in run.open_approvals:
        try:
            approval = client.approval(approval_id)
        except NotFoundError:
            continue  # not there yet, or not ours to see
        if approval.state == "parked":
            reasons = [stage.reason for stage in approval.stages if stage.state == "parked" and stage.reason]
            why = "; ".join(reasons) or approval.reason or "nobody may decide it"
            return f"{run.id} waits for {approval_id}, which is parked: {why}; released by {way_out(approval)}"
    return ""


def _result(run: "Run") -> object:
    """Return what a flow returns; of a run that was refused at its start, why."""
    from hitl_temporal.domain.flow.views import Result

    document = run.document()
    return document if run.type else {name: document[name] for name in Result.model_fields if name in document}
