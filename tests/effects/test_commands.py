"""Commands on this machine: what comes back, what never does, and that nothing is left running."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from hitl_temporal.domain.flow.job import Prepared
from hitl_temporal.effects.commands import Commands
from hitl_temporal.messages import AGENT_STOPPED, EXIT_CODE, OUTPUTS, CommandEnded, RunCommand
from hitl_temporal.ports import PermanentError
from tests.fakes import FakeBlobs

BLOBS = FakeBlobs()
SOON = timedelta(milliseconds=100)
LATE = timedelta(minutes=5)
"""Longer than a test may take: what waits for it fails."""


class Kept:
    """The port `Secrets`, from a dictionary."""

    def __init__(self, **values: str) -> None:
        self.values = values

    async def secret(self, name: str) -> SecretStr:
        """Return a value that is kept."""
        if name not in self.values:
            raise PermanentError(f"no secret {name!r}")
        return SecretStr(self.values[name])


def request(*argv: str, **job: Any) -> RunCommand:
    """Return a request to run these words, or a script."""
    return RunCommand(job=Prepared.model_validate({"command": argv, **job}), key="r.load.1", run="r", step="load")


def python(code: str, **job: Any) -> RunCommand:
    """Return a request to run a Python program."""
    return request(sys.executable, "-c", code, **job)


def shell(code: str, **job: Any) -> RunCommand:
    """Return a request to run a shell's program."""
    return request("sh", "-c", code, **job)


@pytest.fixture(name="run")
def _run(tmp_path: Path) -> Callable[..., Any]:
    """Run a request in a project at `tmp_path`; keyword arguments are secrets."""

    async def run(wanted: RunCommand, env: ActivityEnvironment | None = None, **secrets: str) -> CommandEnded:
        commands = Commands(tmp_path, Kept(**secrets), BLOBS, leave_within=LATE)
        return await (env or ActivityEnvironment()).run(commands.run_command, wanted)

    return run


async def failed(running: Any) -> ApplicationError:
    """Return the failure that must come."""
    with pytest.raises(ApplicationError) as caught:
        await running
    return caught.value


async def eventually(is_so: Callable[[], Any]) -> Any:
    """Return what becomes true; the test's own limit ends the wait."""
    while True:
        with suppress(OSError, ValueError):
            if found := is_so():
                return found
        await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet collected does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@asynccontextmanager
async def running(wanted: RunCommand, project: Path, leave_within: timedelta = LATE) -> AsyncIterator[Any]:
    """Yield the environment and the task of a command that runs."""
    env = ActivityEnvironment()
    commands = Commands(project, Kept(), BLOBS, leave_within=leave_within)
    task = asyncio.ensure_future(env.run(commands.run_command, wanted))
    yield env, task
    if not task.done():
        env.cancel()
        await asyncio.wait([task])


async def test_what_a_command_writes_comes_back(run: Any) -> None:
    """Both streams, its exit code, and its outputs."""
    ended = await run(shell("echo '{\"rows\": 3}'; echo careful >&2", outputs={"rows": "$.rows"}))
    assert ended == CommandEnded(
        exit_code=0, outputs={"rows": 3}, stdout_tail='{"rows": 3}\n', stderr_tail="careful\n", truncated_bytes=0
    )


async def test_another_exit_code_is_a_failure_that_may_be_tried_again(run: Any) -> None:
    """It says the code and the last line of stderr, and holds all that a result does."""
    failure = await failed(
        run(shell("echo n=7; echo one >&2; echo 'no such table' >&2; exit 3", outputs={"n": "n=(.)"}))
    )
    assert (failure.type, failure.non_retryable) == (EXIT_CODE, False)
    assert failure.message == "the command ended with exit code 3: no such table"
    (ended,) = failure.details
    assert (ended.exit_code, ended.outputs, ended.stdout_tail) == (3, {"n": "7"}, "n=7\n")


async def test_a_failed_command_need_not_give_its_outputs(run: Any) -> None:
    """Its exit code is what matters."""
    failure = await failed(run(shell("exit 1", outputs={"n": "$.n"})))
    assert failure.message == "the command ended with exit code 1, and wrote nothing to stderr"
    assert failure.details[0].outputs == {}


async def test_who_dies_of_a_signal_has_an_exit_code(run: Any) -> None:
    """As in a shell: 128 and its number."""
    assert (await failed(run(shell("kill -9 $$")))).details[0].exit_code == 137


async def test_a_command_without_its_outputs_is_never_repeated(run: Any) -> None:
    """It has done its work."""
    failure = await failed(run(shell("echo hello", outputs={"rows": "$.rows"})))
    assert (failure.type, failure.non_retryable) == (OUTPUTS, True)
    assert "output 'rows': stdout is no JSON" in failure.message
    assert failure.details[0].stdout_tail == "hello\n"


async def test_a_command_knows_its_key_and_not_our_secrets(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment is a short list, what the job says, and who it is."""
    monkeypatch.setenv("HITL_TOKEN", "top")
    monkeypatch.setenv("HITL_SECRET_DB", "top")
    monkeypatch.setenv("TEMPORAL_API_KEY", "top")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    seen = (await run(python(code, env={"A": "b", "HOME": "/x"}, outputs={"all": "$"}))).outputs["all"]
    assert (
        seen.items() >= {"HITL_KEY": "r.load.1", "HITL_RUN": "r", "HITL_STEP": "load", "A": "b", "HOME": "/x"}.items()
    )
    assert seen["PATH"] == os.environ["PATH"]
    assert "top" not in seen.values()


async def test_a_command_has_no_input(run: Any) -> None:
    """Whoever asks a question gets the end at once."""
    assert (await run(shell("cat; echo done"))).stdout_tail == "done\n"


async def test_the_end_of_a_log_is_kept(run: Any) -> None:
    """So many bytes of each stream; how many are missing is said."""
    code = "import sys; [print(i) for i in range(100000)]; sys.stderr.write('e' * 300)"
    ended = await run(python(code, log_limit_bytes=100))
    assert len(ended.stdout_tail) == 100
    assert ended.stdout_tail.endswith("99998\n99999\n")
    assert ended.stderr_tail == "e" * 100
    assert ended.truncated_bytes == len("".join(f"{i}\n" for i in range(100_000))) - 100 + 200


async def test_outputs_do_not_depend_on_the_limit_of_the_log(run: Any) -> None:
    """They are read from the last mebibyte."""
    code = "import json; print(json.dumps({'rows': 3, 'pad': 'x' * 500000}))"
    ended = await run(python(code, log_limit_bytes=10, outputs={"rows": "$.rows"}))
    assert (ended.outputs, ended.stdout_tail) == ({"rows": 3}, "x" * 7 + '"}\n')
    failure = await failed(run(python("print('[' + '1,' * 600000 + '1]')", outputs={"all": "$"})))
    assert "were dropped" in failure.message


async def test_a_huge_line_is_no_trouble(run: Any) -> None:
    """Sixteen mebibytes without a line's end, and a command that is still going when we have enough."""
    ended = await run(python("import sys; [sys.stdout.write('a' * 65536) for _ in range(256)]"))
    assert (len(ended.stdout_tail), ended.truncated_bytes) == (65_536, 16 * 1024 * 1024 - 65_536)


async def test_what_is_no_text_is_made_one(run: Any) -> None:
    """Binary output, colours, carriage returns; a character that the limit cuts through is left out."""
    ended = await run(shell(r"printf '\000\377\033[31mred\033[0m\r10%%\r\n'"))
    assert ended.stdout_tail == "\ufffd\ufffdred\n10%\n"
    assert (await run(python("print('é' * 10, end='')", log_limit_bytes=5))).stdout_tail == "éé"


async def test_a_result_fits_into_a_message(run: Any) -> None:
    """Whatever both streams are made of, at the highest limit: Temporal takes 2 MiB."""
    code = "import sys; [s.buffer.write(bytes(range(256)) * 6000) for s in (sys.stdout, sys.stderr)]"
    ended = await run(python(code, log_limit_bytes=1024 * 1024))
    assert len(ended.model_dump_json().encode()) < 1024 * 1024 * 5 // 4 + 1000
    assert min(len(ended.stdout_tail), len(ended.stderr_tail)) > 100_000
    ended = await run(python("print('a' * 2000000)", log_limit_bytes=1024 * 1024))
    assert len(ended.stdout_tail) > 1_000_000, "one stream may have all the room"


SECRET = 's3cr3t "quoted" wörd'


async def test_a_secret_is_in_the_environment_alone(run: Any) -> None:
    """In no stream, output or error: also where JSON writes it in another way, and where a cut goes through it."""
    code = f"""
import json, os, sys
s = os.environ["S"]
assert s == {SECRET!r}
print(json.dumps(["".join(f"\\\\u{{ord(c):04x}}" for c in s)]).replace("\\\\\\\\", "\\\\"))
print(json.dumps({{"s": s, s: [s]}}))
print("plain", s, file=sys.stderr)
sys.exit(int(os.environ["CODE"]))
"""
    env = {"S": {"secret": "db"}, "CODE": "0"}
    ended = await run(python(code, env=env, outputs={"all": "$"}), db=SECRET)
    assert ended.outputs == {"all": {"s": "***", "***": ["***"]}}
    assert ended.stderr_tail == "plain ***\n"
    failure = await failed(run(python(code, env={**env, "CODE": "1"}, outputs={"gone": "$.gone"}), db=SECRET))
    assert failure.message == "the command ended with exit code 1: plain ***"
    failure = await failed(run(python(code, env=env, outputs={"gone": "$.gone"}), db=SECRET))
    assert "there are: s, ***" in failure.message
    for text in (ended.model_dump_json(), str(failure), failure.details[0].model_dump_json()):
        assert SECRET not in text
        assert json.dumps(SECRET)[1:-1] not in text
    escaped = await run(python(code.replace("print(json.dumps({", "(({"), env=env, outputs={"all": "$"}), db=SECRET)
    assert escaped.outputs == {"all": ["***"]}


@pytest.mark.parametrize("limit", range(1, 40))
async def test_no_cut_leaves_a_piece_of_a_secret(run: Any, limit: int) -> None:
    """Wherever the limit falls."""
    wanted = shell(
        'printf "%s|%s|%s-end" $S $S $S; printf "%.0sx" $(seq 5000)',
        env={"S": {"secret": "db"}},
        log_limit_bytes=5000 + limit,
    )
    text = (await run(wanted, db="0123456789")).stdout_tail
    assert not set(text) & set("0123456789"), text


async def test_a_secret_of_many_lines_goes_line_by_line(run: Any) -> None:
    """A key is often printed in part."""
    key = "-----BEGIN KEY-----\nabcdefghijkl\nmn\n-----END KEY-----"
    ended = await run(shell('echo "$K" | tail -n 3', env={"K": {"secret": "key"}}), key=key)
    assert ended.stdout_tail == "***\nmn\n***\n"


async def test_an_unknown_secret_fails_before_anything_runs(run: Any, tmp_path: Path) -> None:
    """Whoever keeps secrets says what to do."""
    with pytest.raises(PermanentError, match="no secret 'db'"):
        await run(shell("touch ran", env={"S": {"secret": "db"}}))
    assert not (tmp_path / "ran").exists()


async def test_a_running_command_is_heard(tmp_path: Path) -> None:
    """A heartbeat has the last two kibibytes of each stream, and holds back what may become a secret."""
    told: list[Any] = []
    env = ActivityEnvironment()
    env.on_heartbeat = lambda *details: told.append(details[0])
    code = "import time; print('x' * 5000 + 'abc 0123', end='', flush=True); open('go').read(); print('456789 end')"
    os.mkfifo(tmp_path / "go")
    commands = Commands(tmp_path, Kept(db="0123456789"), BLOBS, leave_within=LATE)
    task = asyncio.ensure_future(env.run(commands.run_command, python(code, env={"S": {"secret": "db"}})))
    await eventually(lambda: told)
    assert told[0].stdout == "x" * 2044 + "abc "
    assert told[0].written_bytes == 5008
    await asyncio.to_thread((tmp_path / "go").write_text, "go")
    assert (await task).stdout_tail.endswith("abc *** end\n")


TREE = """
import os, subprocess, sys, time
child = "import os, signal, time; {ignore}; open('grandchild', 'w').write(str(os.getpid())); time.sleep(3600)"
subprocess.Popen([sys.executable, "-c", child])
import signal
{ignore}
open('child', 'w').write(str(os.getpid()))
print("started", flush=True)
{then}
"""
IGNORE = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def tree(*, ignore: str = "pass", then: str = "time.sleep(3600)") -> str:
    """Return a program that starts another."""
    return TREE.format(ignore=ignore, then=then)


async def pids(project: Path) -> list[int]:
    """Return both processes when they run."""
    return [await eventually(lambda n=name: int((project / n).read_text())) for name in ("child", "grandchild")]


async def test_a_cancelled_command_ends_with_all_it_has_started(tmp_path: Path) -> None:
    """SIGTERM reaches the whole group, and the cancellation goes on."""
    async with running(python(tree(), grace=LATE), tmp_path) as (env, task):
        both = await pids(tmp_path)
        env.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not any(map(is_alive, both))


async def test_who_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    """The whole group, too; also when the cancellation comes again."""
    async with running(python(tree(ignore=IGNORE), grace=SOON), tmp_path) as (env, task):
        both = await pids(tmp_path)
        env.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not any(map(is_alive, both))


async def test_a_command_may_use_its_grace(tmp_path: Path) -> None:
    """To clean up after SIGTERM; nothing kills it meanwhile."""
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n    time.sleep(0.3); open('cleaned', 'w').close(); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); open('ready', 'w').close(); time.sleep(3600)"
    )
    async with running(python(code, grace=LATE), tmp_path) as (env, task):
        await eventually((tmp_path / "ready").exists)
        env.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (tmp_path / "cleaned").exists()


async def test_a_stopped_agent_ends_its_commands_and_says_so(tmp_path: Path) -> None:
    """Nobody knows how far the command came; it has no more time than the agent."""
    wanted = python(tree(ignore=IGNORE), grace=LATE)
    async with running(wanted, tmp_path, leave_within=SOON) as (env, task):
        both = await pids(tmp_path)
        env.worker_shutdown()
        failure = await failed(task)
        assert (failure.type, failure.non_retryable) == (AGENT_STOPPED, False)
        assert "look how far the command came" in failure.message
        assert not any(map(is_alive, both))


async def test_what_a_command_leaves_running_is_ended(run: Any, tmp_path: Path) -> None:
    """A child in the background would hold its output open for ever."""
    ended = await run(python(tree(then="[time.sleep(.01) for _ in iter(lambda: os.path.exists('grandchild'), True)]")))
    assert ended.stdout_tail == "started\n"
    assert not any(map(is_alive, await pids(tmp_path)))


async def test_a_daemon_holds_nobody_up(run: Any, tmp_path: Path) -> None:
    """One with a session of its own lives on, and its hold on the output counts for nothing."""
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'], "
        "start_new_session=True); print(p.pid)"
    )
    ended = await run(python(code, outputs={"pid": "$"}))
    assert is_alive(ended.outputs["pid"])
    os.kill(ended.outputs["pid"], signal.SIGKILL)


@pytest.mark.parametrize(
    ("name", "text", "mode", "wanted"),
    [
        ("go.sh", "echo sh $1\n", 0o644, "sh a b\n"),
        ("go.py", "import sys; print('py', sys.argv[1])\n", 0o644, "py a b\n"),
        ("go.py", "import sys; print('py', sys.argv[1])\n", 0o755, "py a b\n"),
        ("go", "#!/bin/sh\necho direct $1\n", 0o755, "direct a b\n"),
        ("go", "#!/usr/bin/env sh\necho line $1\n", 0o644, "line a b\n"),
        ("deep/go.sh", "#!/bin/sh\npwd >&2; echo deep $1\n", 0o755, "deep a b\n"),
    ],
)
async def test_a_script_goes_by_its_first_line_or_its_name(
    run: Any, tmp_path: Path, name: str, text: str, mode: int, wanted: str
) -> None:
    """Whether it may be executed or not."""
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    assert (await run(request(script=name, args=["a b"]))).stdout_tail == wanted


async def test_a_place_is_counted_from_the_project(run: Any, tmp_path: Path) -> None:
    """Without one, the project's folder; one that begins at the root is taken as it is."""
    (tmp_path / "in").mkdir()
    for cwd, where in ((None, tmp_path), ("in", tmp_path / "in"), (str(tmp_path / "in"), tmp_path / "in")):
        assert (await run(request("pwd", "-P", cwd=cwd))).stdout_tail == f"{where.resolve()}\n"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (request("no-such-program-here"), "'no-such-program-here' can't be started on this machine (No such file"),
        (request("./plain"), r"can't be started on this machine \(Permission denied\); install it, make it executable"),
        (request("true", cwd="gone"), "there is no folder 'gone' in the project on this machine"),
        (request(script="gone.sh"), "the project on this machine has no script 'gone.sh'"),
        (request(script="out"), "the script 'out' lies outside the project"),
        (request(script="plain"), "nothing says how to run the script 'plain'"),
        (request("true", "x" * 4_000_000), "Argument list too long"),
        (request("true", "a\0b"), "embedded null byte"),
    ],
)
async def test_what_can_not_be_started_says_what_to_do(run: Any, tmp_path: Path, wanted: RunCommand, says: str) -> None:
    """It is never tried again: only a person can help."""
    (tmp_path / "plain").write_text("x")
    (tmp_path / "out").symlink_to("/bin/sh")
    with pytest.raises(PermanentError) as caught:
        await run(wanted)
    assert says.replace("\\", "") in caught.value.reason


def descriptors() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_is_left_open(run: Any) -> None:
    """A worker runs many commands in its life."""
    await run(request("true"))
    before = descriptors()
    for _ in range(5):
        await run(request("true"))
        with suppress(PermanentError):
            await run(request("no-such-program-here"))
    assert descriptors() == before
