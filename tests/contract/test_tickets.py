"""What every ticket system must do, run against each of them."""

import asyncio
import json
from pathlib import Path

import pytest

from hitl_temporal.integrations.file import FileTickets
from hitl_temporal.ports import PermanentError, TemporaryError, TicketFound, Tickets
from tests.fakes import FakeTickets


@pytest.fixture(params=[lambda path: FileTickets(path / "out" / "tickets.jsonl"), lambda _: FakeTickets()])
def tickets(request: pytest.FixtureRequest, tmp_path: Path) -> Tickets:
    """Each system in turn."""
    made: Tickets = request.param(tmp_path)
    return made


async def test_one_ticket_is_open_for_a_key(tickets: Tickets) -> None:
    """A repetition, even at the same moment, opens nothing again; another key is another ticket."""
    assert await tickets.find("f/a") is None
    refs = await asyncio.gather(*(tickets.open("f/a", "T", "B", {"group": "net"}) for _ in range(5)))
    assert len({*refs}) == 1
    assert await tickets.find("f/a") == TicketFound(refs[0])
    assert await tickets.open("f/b", "T", "B", {}) != refs[0]


async def test_a_closed_ticket_is_not_found_and_the_next_one_is_another(tickets: Tickets) -> None:
    """To resolve it again changes nothing."""
    first = await tickets.open("f/a", "T", "B", {})
    await tickets.resolve(first, "well again", "k1")
    await tickets.resolve(first, "well again", "k1")
    assert await tickets.find("f/a") is None
    assert await tickets.open("f/a", "T", "B", {}) != first


async def test_a_file_keeps_what_was_done_once(tmp_path: Path) -> None:
    """One line each; the same key adds none; another process reads the same."""
    file = tmp_path / "tickets.jsonl"
    tickets = FileTickets(file)
    ref = await tickets.open("f/a", "T", "B \u2028 <b>", {"group": "net"})
    for _ in range(2):
        await tickets.comment(ref, "again", "k1")
        await FileTickets(file).resolve(ref, "well", "k2")
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert [line["doing"] for line in lines] == ["opened", "commented", "resolved"]
    assert (lines[0]["fields"], lines[0]["ticket"]) == ({"group": "net"}, "f/a")
    with pytest.raises(PermanentError, match="no ticket 'T-9'"):
        await tickets.comment("T-9", "x", "k3")


async def test_somebody_closes_a_ticket_by_hand(tmp_path: Path) -> None:
    """By a line; one that is broken, or half written, does not count."""
    file = tmp_path / "tickets.jsonl"
    tickets = FileTickets(file)
    ref = await tickets.open("f/a", "T", "B", {})
    with file.open("a") as out:
        out.write(f'nonsense\n[]\n{json.dumps({"doing": "closed", "ref": ref})}\n{{"doing": "op')
    assert await tickets.find("f/a") is None
    assert await tickets.open("f/a", "T", "B", {}) == "T-2"


async def test_a_file_that_cannot_be_written_is_a_temporary_error(tmp_path: Path) -> None:
    """It is tried again."""
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(TemporaryError, match=r"tickets\.jsonl"):
        await FileTickets(tmp_path / "out" / "tickets.jsonl").find("f/a")
