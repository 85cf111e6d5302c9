"""`container.run` by an engine that takes exactly the arguments that we promise to give."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.integrations.container import Container, Finished, connector
from hitl_temporal.integrations.container.running import name_of
from hitl_temporal.ports import PermanentError, TemporaryError
from tests.fakes import FakePlaces


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the engine's containers; `docker` is on the path, and nothing else."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "engine").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text(f'#!/bin/sh\nexec {sys.executable} -I {Path(__file__).with_name("docker.py")} "$@"\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("FAKE_ENGINE", str(tmp_path / "engine"))
    return tmp_path / "engine"


async def ran(folder: Path, key: str = "run.step.1", **given: Any) -> Finished:
    """Return what a container leaves."""
    container = Container.model_validate({"image": "alpine:3", **given})
    return await connector(FakePlaces(folder.parent)).run(container, key)


def containers(engine: Path) -> set[str]:
    """Return the names of those that live."""
    return {file.name for file in engine.iterdir()} - {"calls"}


async def test_a_command_runs_in_a_container_that_is_gone_afterwards(engine: Path) -> None:
    """With its environment and what it may see of this machine."""
    (engine.parent / "in").mkdir()
    found = await ran(
        engine,
        command=["say", "a b", "$(c); d"],
        env={"TOKEN": "s3cret\nvalue", "LEVEL": "1"},
        mounts=[{"source": "in", "target": "/in"}, {"source": "in", "target": "/out", "read_only": False}],
        pull="never",
    )
    assert (found.exit_code, found.stderr, found.engine) == (0, "on the side", "docker")
    where = (engine.parent / "in").resolve()
    assert json.loads(found.stdout) == {
        "command": ["say", "a b", "$(c); d"],
        "env": {"TOKEN": "s3cret\nvalue", "LEVEL": "1"},
        "mounts": [f"type=bind,source={where},target=/in,readonly", f"type=bind,source={where},target=/out"],
        "pull": "never",
    }
    assert containers(engine) == set()
    assert "s3cret" not in (engine / "calls").read_text()


async def test_a_variable_of_the_engine_does_not_change_the_engine(engine: Path) -> None:
    """It reaches the container all the same."""
    await ran(engine, env={"PATH": "/evil", "LD_PRELOAD": "/evil.so", "DOCKER_HOST": "tcp://evil", "MINE": "1"})
    [call] = [c for c in map(json.loads, (engine / "calls").read_text().splitlines()) if c[0] == "run"]
    given = [call[n + 1] for n, word in enumerate(call) if word == "--env"]
    assert given == ["PATH=/evil", "LD_PRELOAD=/evil.so", "DOCKER_HOST=tcp://evil", "MINE"]


async def test_a_container_that_another_try_has_left_is_taken_away(engine: Path) -> None:
    """It has the name of this piece of work."""
    (engine / name_of("run.step.1")).touch()
    (engine / name_of("run.step.2")).touch()
    assert (await ran(engine)).exit_code == 0
    assert containers(engine) == {name_of("run.step.2")}


async def test_a_container_ends_with_its_step(engine: Path) -> None:
    """By time, or because nobody wants it any more."""
    with pytest.raises(TemporaryError, match="within 1s"):
        await ran(engine, image="slow", timeout="1s")
    assert containers(engine) == set()
    task = asyncio.create_task(ran(engine, image="slow"))
    while not containers(engine):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert containers(engine) == set()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": ["exit", "3"]}, "exit code 3: on the side"),
        ({"command": ["exit", "127"]}, "no such command"),
        ({"image": "nowhere"}, "was not started: .*access denied"),
        ({"image": "loud"}, "more than 50000 bytes"),
        ({"engine": "podman"}, "no podman"),
        ({"mounts": [{"source": "/etc", "target": "/in"}]}, "outside"),
        ({"mounts": [{"source": "a,readonly=false", "target": "/in"}]}, "comma"),
    ],
)
async def test_what_will_not_be_better_is_refused_for_good(engine: Path, given: dict[str, Any], said: str) -> None:
    """With the end of what was complained of; no container is left."""
    with pytest.raises(PermanentError, match=said):
        await ran(engine, **given)
    assert containers(engine) == set()


async def test_an_exit_code_may_be_expected(engine: Path) -> None:
    """As a linter's."""
    assert (await ran(engine, command=["exit", "3"], expect=[0, 3])).exit_code == 3


async def test_an_engine_that_is_away_is_tried_again(engine: Path) -> None:
    """It may be starting."""
    with pytest.raises(TemporaryError, match="Cannot connect"):
        await ran(engine, image="daemon")


async def test_a_machine_without_an_engine_says_so(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what to do."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PermanentError, match="no docker or podman"):
        await ran(engine)


@pytest.mark.parametrize(
    "given",
    [
        {"image": "--privileged"},
        {"image": "a b"},
        {"env": {"A=B": "x"}},
        {"env": {"--privileged": "x"}},
        {"mounts": [{"source": "in", "target": "in"}]},
        {"mounts": [{"source": "in", "target": "/in,readonly=false"}]},
        {"pull": "maybe"},
        {"command": "rm -rf /"},
    ],
)
def test_what_cannot_be_run_is_not_taken(given: dict[str, Any]) -> None:
    """No value becomes a flag of the engine."""
    with pytest.raises(ValidationError):
        Container.model_validate({"image": "alpine:3", **given})
