"""What every channel must do, run against each of them."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hitl_temporal.domain.approval.ask import Outcome
from hitl_temporal.domain.approval.message import Message
from hitl_temporal.integrations.file import FileNotifier
from hitl_temporal.ports import Notifier, TemporaryError
from tests.fakes import FakeNotifier

MESSAGE = Message(
    key="a:asked:lead:bob",
    approval="a",
    occasion="asked",
    stage="lead",
    person="bob",
    name="Bob",
    title="Go? \u2028 <b>\U0001f600",
    body="line\nline",
    digest="0" * 64,
    outcomes={"approved": Outcome(label="Approve", positive=True)},
    requester="ann",
)

Channel = Callable[[Path], tuple[Notifier, Callable[[], list[str]]]]


def file_channel(folder: Path) -> tuple[Notifier, Callable[[], list[str]]]:
    """The file channel, and the keys in its file."""
    file = folder / "out" / "messages.jsonl"
    return FileNotifier(file), lambda: [json.loads(x)["key"] for x in file.read_bytes().split(b"\n") if x]


def fake_channel(_: Path) -> tuple[Notifier, Callable[[], list[str]]]:
    """The fake of the tests, held to the same contract."""
    fake = FakeNotifier()
    return fake, lambda: list(fake.messages)


@pytest.fixture(params=[file_channel, fake_channel])
def channel(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Notifier, Callable[[], list[str]]]:
    """Each channel in turn."""
    make: Channel = request.param
    return make(tmp_path)


async def test_same_key_is_sent_once(channel: tuple[Notifier, Callable[[], list[str]]]) -> None:
    """A repetition, even at the same moment, sends nothing again and gives the same reference."""
    notifier, sent = channel
    references = await asyncio.gather(*(notifier.send(MESSAGE) for _ in range(5)))
    assert (set(references), sent()) == ({MESSAGE.key}, [MESSAGE.key])


async def test_other_key_is_another_message(channel: tuple[Notifier, Callable[[], list[str]]]) -> None:
    """A settlement is a message of its own."""
    notifier, sent = channel
    settled = MESSAGE.but(key="a:settled:lead:bob", occasion="settled", settles=MESSAGE.key, outcome="approved")
    await notifier.send(MESSAGE)
    await notifier.send(settled)
    assert sent() == [MESSAGE.key, settled.key]


async def test_file_knows_what_another_process_has_sent(tmp_path: Path) -> None:
    """A second notifier over the same file sends nothing again."""
    first, sent = file_channel(tmp_path)
    second, _ = file_channel(tmp_path)
    await first.send(MESSAGE)
    await second.send(MESSAGE)
    assert sent() == [MESSAGE.key]


async def test_half_a_line_of_a_killed_writer_does_not_count(tmp_path: Path) -> None:
    """What a killed writer left half is closed, and the message is sent whole."""
    notifier, _ = file_channel(tmp_path)
    file = tmp_path / "out" / "messages.jsonl"
    file.parent.mkdir()
    file.write_text('{"key": "a:asked:le')
    await notifier.send(MESSAGE)
    assert json.loads(file.read_text().splitlines()[1])["key"] == MESSAGE.key


async def test_file_that_cannot_be_written_is_a_temporary_error(tmp_path: Path) -> None:
    """A full or forbidden place is told as temporary: the message is tried again."""
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(TemporaryError, match=r"messages\.jsonl"):
        await file_channel(tmp_path)[0].send(MESSAGE)
