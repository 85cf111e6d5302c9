"""`shell.ssh` on a real SSH server on loopback."""

import asyncio
from typing import Any

import asyncssh
import pytest
from pydantic import ValidationError

from hitl_temporal.integrations.ssh import Command, Finished, connector
from hitl_temporal.ports import PermanentError, TemporaryError
from tests.ssh import House, ssh_server


async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Do what the command says."""
    command = process.command or ""
    match command.split(" ")[0]:
        case "say":
            process.stdout.write(command.encode())
            process.stderr.write(b"on the side")
            process.exit(0)
        case "read":
            process.stdout.write(await process.stdin.read())
            process.exit(0)
        case "fail":
            process.stderr.write(b"no such rule")
            process.exit(3)
        case "much":
            process.stdout.write(b"x" * 200_000)
            process.exit(0)
        case "vanish":
            process.get_extra_info("connection").abort()
        case _:
            await asyncio.Event().wait()


async def ran(house: House, command: Any = "say hi", **given: object) -> Finished:
    """Return what a command leaves."""
    whole = {
        "host": "127.0.0.1",
        "port": house.port,
        "user": "ann",
        "key": house.key,
        "known_hosts": house.known_hosts,
        "command": command,
        **given,
    }
    return await connector().run(Command.model_validate(whole), "k")


async def test_a_command_gives_its_output_and_exit_code() -> None:
    """A list is quoted, so that no argument is two, or another command; what is written to it is its input."""
    async with ssh_server(answer) as house:
        assert await ran(house) == Finished(exit_code=0, stdout="say hi", stderr="on the side")
        assert (await ran(house, ["say", "a b", "$(c); d"])).stdout == "say 'a b' '$(c); d'"
        assert (await ran(house, "read", input="é\n")).stdout == "é\n"


async def test_another_exit_code_is_refused_for_good() -> None:
    """With the end of what it complained of, unless it is expected."""
    async with ssh_server(answer) as house:
        with pytest.raises(PermanentError, match="exit code 3: no such rule"):
            await ran(house, "fail")
        assert (await ran(house, "fail", expect=[0, 3])).exit_code == 3


async def test_a_host_must_be_known() -> None:
    """By its key, which is written down: nobody is trusted at first sight."""
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    async with ssh_server(answer) as house:
        for known in (f"[127.0.0.1]:{house.port} {other}", f"elsewhere {other}", "# nobody\n"):
            with pytest.raises(PermanentError, match=r"[Hh]ost key"):
                await ran(house, known_hosts=known)
        with pytest.raises(PermanentError, match="known_hosts can't be read"):
            await ran(house, known_hosts="nonsense")


async def test_who_is_not_let_in_is_refused_for_good() -> None:
    """So is a key that is none; what stands in it is not told."""
    strange = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    async with ssh_server(answer) as house:
        with pytest.raises(PermanentError, match=r"[Pp]ermission denied"):
            await ran(house, key=strange)
        with pytest.raises(PermanentError, match="private key can't be read") as caught:
            await ran(house, key="s3cret nonsense")
        assert "s3cret" not in str(caught.value)


async def test_nobody_there_is_tried_again() -> None:
    """Nothing has begun."""
    async with ssh_server(answer) as house:
        pass
    with pytest.raises(TemporaryError):
        await ran(house)


@pytest.mark.parametrize("command", ["wait", "vanish"])
async def test_a_command_that_was_cut_off_is_in_doubt(command: str) -> None:
    """It may have done half of its work; one that may be begun again is tried again."""
    async with ssh_server(answer) as house:
        with pytest.raises(PermanentError, match="in doubt"):
            await ran(house, command, timeout="1s")
        with pytest.raises(TemporaryError):
            await ran(house, command, timeout="1s", idempotent=True)


async def test_too_much_output_is_an_error() -> None:
    """A step keeps what its history can hold."""
    async with ssh_server(answer) as house:
        with pytest.raises(PermanentError, match="more than 50000 bytes"):
            await ran(house, "much")


async def test_a_cancelled_step_leaves_nothing_behind() -> None:
    """The connection is closed with it."""
    ended = asyncio.Event()

    async def wait(process: asyncssh.SSHServerProcess[bytes]) -> None:
        try:
            await process.stdin.read()
            await process.wait_closed()
        finally:
            ended.set()

    async with ssh_server(wait) as house:
        task = asyncio.create_task(ran(house, "wait"))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ended.wait()


@pytest.mark.parametrize(
    "given",
    [
        {"known_hosts": ""},
        {"host": "-oProxyCommand=x"},
        {"host": "a b"},
        {"command": []},
        {"command": ""},
        {"user": "a b"},
    ],
)
def test_what_cannot_be_run_is_not_taken(given: dict[str, Any]) -> None:
    """Above all a host without its key."""
    whole = {"host": "h", "user": "u", "key": "k", "known_hosts": "h ssh-ed25519 A", "command": "x", **given}
    with pytest.raises(ValidationError):
        Command.model_validate(whole)
