"""Files start runs once they are whole; what was told of is not told again, and what fails is tried again."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.hosting.watching import Appeared, Folder, keep_watching
from tests.fakes import flow

STABLE = 10.0
TEXT = """
triggers:
  - event: {type: t}
  - file: {path: 'in/*.csv', stable: 10s}
steps: [{id: a, call: x}]
"""
FLOWS = {"take": flow(TEXT, "take")}


@dataclass
class World:
    """A project's folder, and a clock."""

    root: Path
    memory: timedelta = timedelta(days=30)
    clock: float = 0.0
    now: float = 0.0
    """Seconds after the files were made."""
    folder: Folder = field(init=False)

    def __post_init__(self) -> None:
        (self.root / "in").mkdir()
        self.folder = Folder(self.root, self.memory)

    def write(self, name: str, text: str = "x") -> Path:
        """Write a file."""
        path = self.root / "in" / name
        path.write_text(text)
        return path

    def look(self, *, after: float = 0.0, told: bool = True, flows: Mapping[str, Flow] | None = None) -> list[str]:
        """Return what is new after so many seconds."""
        self.clock += after
        found = self.folder.look(FLOWS if flows is None else flows, self._made() + self.now, self.clock)
        for one in found if told else ():
            self.folder.told(one)
        return sorted(one.path for one in found)

    def _made(self) -> float:
        return max((f.stat().st_ctime for f in (self.root / "in").iterdir()), default=0.0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_file_is_told_of_once_when_it_no_longer_changes(world: World) -> None:
    """By the path that its pattern means, and only where the pattern finds it."""
    world.write("a.csv")
    world.write("a.txt")
    (world.root / "in" / "folder.csv").mkdir()
    assert world.look() == []
    assert world.look(after=STABLE / 2) == []
    assert world.look(after=STABLE / 2) == ["in/a.csv"]
    assert world.look(after=STABLE) == []


def test_a_file_that_grows_is_waited_for(world: World) -> None:
    """From its last change on."""
    path = world.write("a.csv")
    world.look()
    path.write_text("longer")
    assert world.look(after=STABLE) == []
    assert world.look(after=STABLE) == ["in/a.csv"]


def test_another_content_is_another_event(world: World) -> None:
    """Also one that went, and came again."""
    path = world.write("a.csv")
    world.look()
    world.look(after=STABLE)
    path.write_text("other")
    world.look()
    assert world.look(after=STABLE) == ["in/a.csv"]
    path.unlink()
    assert world.look() == []
    path.write_text("third")
    world.look()
    assert world.look(after=STABLE) == ["in/a.csv"]


def test_the_event_says_what_is_there(world: World) -> None:
    """For the inputs of the run, and its id."""
    path = world.write("a.csv")
    os.utime(path, ns=(0, 1_772_442_000_000_000_000))
    world.look()
    world.clock += STABLE
    (found,) = world.folder.look(FLOWS, path.stat().st_ctime, world.clock)
    assert found.place == ("take", 1)
    assert found.event.data == {
        "path": "in/a.csv",
        "name": "a.csv",
        "size_bytes": 1,
        "modified": "2026-03-02T09:00:00+00:00",
        "pattern": "in/*.csv",
    }


def test_what_could_not_be_told_is_found_again(world: World) -> None:
    """Until it is."""
    world.write("a.csv")
    world.look()
    assert world.look(after=STABLE, told=False) == ["in/a.csv"]
    assert world.look() == ["in/a.csv"]
    assert world.look() == []


def test_a_file_beyond_the_memory_of_temporal_is_left_alone(world: World) -> None:
    """Whether it has started a run could not be told; one with an old time that was moved here just now is new."""
    path = world.write("old.csv")
    world.look()
    world.now = timedelta(days=31).total_seconds()
    assert world.look(after=STABLE) == []
    world.now = 0
    os.utime(path, ns=(0, 0))
    world.look()
    assert world.look(after=STABLE) == ["in/old.csv"]


def test_an_absolute_path_is_looked_up_as_it_is(world: World, tmp_path: Path) -> None:
    """Outside of the project, too."""
    world.write("a.csv")
    there = {"take": flow(TEXT.replace("in/*.csv", f"{tmp_path}/in/?.csv"), "take")}
    world.look(flows=there)
    assert world.look(after=STABLE, flows=there) == [str(tmp_path / "in" / "a.csv")]


def test_one_pattern_finds_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More are told in the log."""
    monkeypatch.setattr("hitl_temporal.hosting.watching.MAX_FILES", 2)
    for name in ("a.csv", "b.csv", "c.csv"):
        world.write(name)
    with capture_logs() as logs:
        world.look()
    assert [entry["event"] for entry in logs] == ["trigger.too_many_files"]


async def test_a_worker_looks_again_and_again(world: World) -> None:
    """Whatever fails: the same file comes again until it was told."""
    path, told = world.write("a.csv"), list[str]()
    at_once = {"take": flow(TEXT.replace("10s", "1s"), "take")}

    async def flows() -> Mapping[str, Flow]:
        return at_once

    async def tell(one: Appeared) -> None:
        told.append(one.path)
        if len(told) == 1:
            raise OSError("Temporal is away")

    clock = path.stat().st_ctime
    with capture_logs() as logs:
        keeper = asyncio.create_task(
            keep_watching(world.folder, flows, tell, lambda: clock, look_every=timedelta(milliseconds=20))
        )
        while len(told) < 2:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    assert told == ["in/a.csv", "in/a.csv"]
    assert {(entry["event"], entry["reason"]) for entry in logs} == {("trigger.not_watched", "Temporal is away")}
