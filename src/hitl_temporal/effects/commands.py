"""The activity that runs a command or a script on this machine.

What comes of it:

- exit code 0: `CommandEnded`;
- another one: the failure `ExitCode` with a `CommandEnded` in its details, so that retries apply;
- 0, but its outputs are not there: the failure `Outputs`, likewise, never tried again: the work is done;
- it can't be started: `PermanentError`;
- the agent is stopped meanwhile: the failure `AgentStopped`; nobody knows how far the command came;
- cancelled: it is ended with its whole process group, then the cancellation goes on.

Values of secrets are in the command's environment alone: never in a result, a heartbeat, an error or a log.

Must not know: workflows, who keeps secrets and blobs.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic_core import to_json
from temporalio import activity
from temporalio.exceptions import ApplicationError

from hitl_temporal.domain.flow.job import MAX_LOG_BYTES, Prepared, Secret
from hitl_temporal.domain.flow.outputs import OutputError, extract
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.words import shorten
from hitl_temporal.effects.keeping import kept
from hitl_temporal.effects.processes import ChildProcess, Tail, start
from hitl_temporal.effects.scripts import folder, words
from hitl_temporal.effects.scrubbing import Scrubber, readable
from hitl_temporal.messages import (
    AGENT_STOPPED,
    EXIT_CODE,
    OUTPUTS,
    RUN_COMMAND,
    CommandEnded,
    CommandTail,
    RunCommand,
)
from hitl_temporal.ports import Blobs, PermanentError, Secrets, TemporaryError

__all__ = ["Commands"]

log = structlog.get_logger(__name__)

INHERITED: Final = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
)
"""What a command gets of the worker's environment, which holds tokens and secrets beside it."""

_STDOUT_BYTES = 1024 * 1024
"""Outputs are read from so much of the end of stdout, whatever the limit of the log."""
_LIVE_BYTES = 2 * 1024
_LIVE_EVERY_SECONDS = 1.5
_BOTH_BYTES = MAX_LOG_BYTES * 5 // 4
"""Of both tails as JSON: Temporal takes 2 MiB in a message, and outputs have their share of it."""


class Commands:
    """Runs commands below a project's folder; its method is an activity."""

    def __init__(self, project: Path, secrets: Secrets, blobs: Blobs, *, leave_within: timedelta) -> None:
        """Take where scripts lie, who knows secrets, and who keeps what is large.

        Args:
            project: The project's folder.
            secrets: Resolves names.
            blobs: Keeps outputs that the history has no room for.
            leave_within: How much of a command's grace there is when the worker itself is asked to stop.
        """
        self._project = project
        self._secrets = secrets
        self._blobs = blobs
        self._leave_within = leave_within

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.run_command,)

    @activity.defn(name=RUN_COMMAND)
    async def run_command(self, request: RunCommand) -> CommandEnded:
        """Run it to its end."""
        job = request.job
        environment, secrets = await self._environment(request)
        scrubber = Scrubber(secrets)
        out = Tail(max(job.log_limit_bytes, _STDOUT_BYTES if job.outputs else 0, _LIVE_BYTES) + scrubber.margin)
        err = Tail(max(job.log_limit_bytes, _LIVE_BYTES) + scrubber.margin)
        child = await self._start(job, environment, scrubber, out, err)
        await log.ainfo("command.started", key=request.key, step=request.step)
        telling = asyncio.create_task(_tell(scrubber, out, err))
        try:
            code = await _exit_code(child)
        except BaseException:
            await _insist(child.end(job.grace))
            raise
        finally:
            telling.cancel()
        if code is None:
            await _insist(child.end(min(job.grace, self._leave_within)))
            raise ApplicationError(
                f"the agent was stopped while it ran {request.key!r}; look how far the command came, then rerun it",
                type=AGENT_STOPPED,
            )
        await _insist(child.end(job.grace))
        await log.ainfo("command.ended", key=request.key, step=request.step, exit_code=code)
        outputs, missing = await self._outputs(job, scrubber, out)
        return _ended(code, outputs, missing, _tails(job.log_limit_bytes, scrubber, out, err))

    async def _environment(self, request: RunCommand) -> tuple[dict[str, str], tuple[str, ...]]:
        """Return the command's whole environment, and the secrets in it."""
        variables: dict[str, str] = {name: os.environ[name] for name in INHERITED if name in os.environ}
        secrets: list[str] = []
        for name, value in request.job.env.items():
            if isinstance(value, Secret):
                secrets.append((await self._secrets.secret(value.secret)).get_secret_value())
                variables[name] = secrets[-1]
            else:
                variables[name] = value
        ours = {"HITL_KEY": request.key, "HITL_RUN": request.run, "HITL_STEP": request.step}
        return {**variables, **{name: value for name, value in ours.items() if value}}, tuple(secrets)

    async def _outputs(self, job: Prepared, scrubber: Scrubber, out: Tail) -> tuple[dict[str, Json], str]:
        """Return the outputs, the large ones as references, and an empty text; else none and why."""
        outputs, missing = _outputs(job, scrubber, out)
        try:
            return await kept(outputs, self._blobs), missing
        except (PermanentError, TemporaryError) as error:  # the work is done: that its outputs are lost is all
            return {}, str(error)

    async def _start(
        self, job: Prepared, environment: Mapping[str, str], scrubber: Scrubber, out: Tail, err: Tail
    ) -> ChildProcess:
        """Start the process.

        Raises:
            PermanentError: It can't be started on this machine.
        """
        cwd = await asyncio.to_thread(folder, self._project, job)
        argv = await asyncio.to_thread(words, self._project, job)
        try:
            return await start(argv, environment=environment, cwd=cwd, stdout=out, stderr=err)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            program = scrubber.text(shorten(argv[0], 200))
            raise PermanentError(
                f"{program!r} can't be started on this machine ({why}); install it, make it executable, "
                "or mend `command` or the PATH in `env`"
            ) from None


async def _exit_code(child: ChildProcess) -> int | None:
    """Return how a command ends, None when the worker is asked to stop before."""
    running = asyncio.create_task(child.exit_code())
    stopping = asyncio.create_task(activity.wait_for_worker_shutdown())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return running.result() if running.done() else None
    finally:
        running.cancel()
        stopping.cancel()


async def _insist(ending: Any) -> None:
    """Wait for an end that must not be left half done, whoever cancels us meanwhile; it takes a bounded time."""
    task = asyncio.ensure_future(ending)
    interrupted: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted
    task.result()


async def _tell(scrubber: Scrubber, out: Tail, err: Tail) -> None:
    """Beat with the ends of both streams while there is anything new; `conduct` repeats the last when there isn't."""
    told = 0
    while True:
        await asyncio.sleep(_LIVE_EVERY_SECONDS)
        written = out.written_bytes + err.written_bytes
        if written > told:
            told = written
            stdout, stderr = (_live(scrubber, tail) for tail in (out, err))
            activity.heartbeat(CommandTail(stdout=stdout, stderr=stderr, written_bytes=written))


def _live(scrubber: Scrubber, tail: Tail) -> str:
    end = scrubber.withheld(tail.end)
    return readable(scrubber.scrubbed(end, max(len(end) - _LIVE_BYTES, 0)))


def _ended(code: int, outputs: Mapping[str, Json], missing: str, tails: tuple[str, str, int]) -> CommandEnded:
    """Return how it ended.

    Args:
        code: Its exit code.
        outputs: What it gave.
        missing: Why there are no outputs; empty: they are there.
        tails: The ends of both streams, and how many bytes they lack.

    Raises:
        ApplicationError: With an exit code other than 0, or without its outputs.
    """
    stdout, stderr, truncated = tails
    ended = CommandEnded(
        exit_code=code, outputs=dict(outputs), stdout_tail=stdout, stderr_tail=stderr, truncated_bytes=truncated
    )
    if code:
        last = next((line for line in reversed(stderr.splitlines()) if line.strip()), "")
        said = f": {shorten(last, 200)}" if last else ", and wrote nothing to stderr"
        raise ApplicationError(f"the command ended with exit code {code}{said}", ended, type=EXIT_CODE)
    if missing:
        raise ApplicationError(f"the command ended well, but {missing}", ended, type=OUTPUTS, non_retryable=True)
    return ended


def _outputs(job: Prepared, scrubber: Scrubber, out: Tail) -> tuple[dict[str, Json], str]:
    """Return the outputs and an empty text, else none and why."""
    window = out.end
    dropped = out.written_bytes - len(window)
    stdout = readable(scrubber.scrubbed(window, min(scrubber.margin, len(window)) if dropped else 0))
    try:
        found = extract(job.outputs, stdout, dropped_bytes=dropped)
    except OutputError as error:
        return {}, scrubber.text(str(error))
    # JSON may write a secret in other ways than we know: what is read from it is scrubbed again.
    return {name: scrubber.value(value) for name, value in found.items()}, ""


def _tails(limit_bytes: int, scrubber: Scrubber, out: Tail, err: Tail) -> tuple[str, str, int]:
    """Return the ends of both streams, and how many bytes they lack; the longer one gives way to the other."""
    stderr, _ = _fitting(limit_bytes, _BOTH_BYTES // 2, scrubber, err)
    stdout, stdout_lacks = _fitting(limit_bytes, _BOTH_BYTES - _size(stderr), scrubber, out)
    stderr, stderr_lacks = _fitting(limit_bytes, _BOTH_BYTES - _size(stdout), scrubber, err)
    return stdout, stderr, stdout_lacks + stderr_lacks


def _fitting(limit_bytes: int, room_bytes: int, scrubber: Scrubber, tail: Tail) -> tuple[str, int]:
    """Return the end of a stream, and how many bytes it lacks.

    Args:
        limit_bytes: At most so many of the bytes that were written.
        room_bytes: At most so many as JSON, where a control character has six.
        scrubber: Knows the secrets.
        tail: The stream.
    """
    window = tail.end
    skip = max(len(window) - limit_bytes, 0)
    while True:
        skip = _whole(window, skip)
        text = readable(scrubber.scrubbed(window, skip))
        if _size(text) <= room_bytes:
            return text, tail.written_bytes - len(window) + skip
        skip += max((len(window) - skip) // 8, 1)


def _whole(window: bytes, at: int) -> int:
    """Return where the next whole character begins, if the cut goes through one."""
    return next((n for n in range(at, min(at + 4, len(window))) if window[n] & 0xC0 != 0x80), at) if at else 0


def _size(text: str) -> int:
    return len(to_json(text))
