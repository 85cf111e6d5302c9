"""`hitl up`, `hitl worker`, `hitl serve`: what they say when they can't start, and what they leave when they stop."""

import signal
import socket
from pathlib import Path

import pytest

from tests.e2e.house import Ended, House, Ports

pytestmark = pytest.mark.process

PORTS = {"HITL_HTTP_PORT": "http", "HITL_TEMPORAL_PORT": "temporal", "HITL_TEMPORAL_UI_PORT": "ui"}


@pytest.mark.parametrize("setting", PORTS)
def test_a_port_in_use_is_named_with_its_setting(plot: House, setting: str) -> None:
    """A port that somebody else has is one line that names port and setting, and nothing stays behind."""
    port = getattr(plot.ports, PORTS[setting])
    with socket.create_server(("127.0.0.1", port)):
        said = refusal(plot.hitl("up"))
    assert str(port) in said
    assert setting in said
    assert not plot.processes()
    assert not (plot.state / "up.json").exists()


def test_a_second_one_on_the_same_state_is_refused(house: House) -> None:
    """Two may not share a state folder, whatever their ports; the second one is told who is there."""
    ports = Ports.free()
    others = {name: str(getattr(ports, field)) for name, field in PORTS.items()}
    before = house.processes()
    said = refusal(house.hitl("up", **others))
    assert f"pid {house.pid('up')}" in said
    assert "HITL_STATE" in said
    assert house.processes().keys() == before.keys()
    assert house.call(None, "GET", "/readyz").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(plot: House, number: signal.Signals) -> None:
    """Ctrl-C and a supervisor's SIGTERM end it with 0; no process is left, the state is."""
    plot.open()
    assert len(plot.processes()) == 3, "hitl up, temporal, worker"
    assert plot.close(number) == 0, plot.logs()
    assert not plot.processes()
    assert not (plot.state / "up.json").exists()
    assert (plot.state / "temporal.db").exists()


def test_an_ephemeral_one_leaves_nothing(plot: House, tmp_path: Path) -> None:
    """All state of `--ephemeral` lies in a temporary folder that goes with it."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    plot.environment["TMPDIR"] = str(temporary)
    plot.open("--ephemeral")
    plot.asked("bob", plot.start_firewall())
    assert any(temporary.rglob("temporal.db"))
    assert plot.close() == 0, plot.logs()
    assert not plot.processes()
    assert not list(temporary.iterdir())
    assert not plot.state.exists()


def test_a_broken_module_of_the_project_is_named(tmp_path: Path) -> None:
    """An activities module with a syntax error is one line with its file and line, and nothing stays behind."""
    module = tmp_path / "project" / "activities" / "printer.py"
    module.parent.mkdir(parents=True)
    module.write_text("def print_all(:\n")
    broken = House(tmp_path / "house", project=tmp_path / "project")
    said = refusal(broken.hitl("up"))
    assert str(module) in said
    assert "SyntaxError" in said
    assert "line 1" in said
    assert not broken.processes()


def test_a_broken_database_is_told_with_its_log(plot: House) -> None:
    """An embedded server that can't start is one line, and not a minute of waiting."""
    plot.state.mkdir()
    (plot.state / "temporal.db").write_bytes(b"this is no database\n" * 1000)
    done = plot.hitl("up")
    *tries, said = done.stderr.splitlines()
    assert done.returncode == 1
    assert all("temporal.retrying" in line for line in tries)
    assert "not a database" in said
    assert str(plot.state / "temporal.log") in said
    assert not plot.processes()


def test_temporal_settings_of_another_server_do_not_count(plot: House, tmp_path: Path) -> None:
    """Whoever has a profile for a real Temporal in their home still gets the embedded one, worker included."""
    profile = tmp_path / "temporalio" / "temporal.toml"
    profile.parent.mkdir()
    profile.write_text('[profile.default]\naddress = "127.0.0.1:9"\nnamespace = "elsewhere"\napi_key = "secret"\n')
    del plot.environment["TEMPORAL_CONFIG_FILE"]
    plot.environment |= {"XDG_CONFIG_HOME": str(tmp_path), "TEMPORAL_ADDRESS": "127.0.0.1:9", "TEMPORAL_TLS": "true"}
    plot.open().asked("bob", plot.start_firewall())


@pytest.mark.parametrize("command", ["worker", "serve"])
def test_without_temporal_it_tries_again_and_then_says_what_to_set(plot: House, command: str) -> None:
    """Temporal that nobody reaches is tried again for a while; then one line says where, and what to set."""
    done = plot.hitl(command, TEMPORAL_ADDRESS=plot.temporal_address, HITL_TEMPORAL_PATIENCE="1s")
    assert done.returncode == 1
    *tries, said = done.stderr.splitlines()
    assert len(tries) > 1, "it tries more than once"
    assert all("temporal.retrying" in line for line in tries)
    assert plot.temporal_address in said
    assert "TEMPORAL_ADDRESS" in said


def test_a_setting_that_means_nothing_is_a_usage_error(plot: House) -> None:
    """A setting that can't be read ends with 2 and names the variable."""
    done = plot.hitl("worker", HITL_TEMPORAL_PATIENCE="soon")
    assert done.returncode == 2
    assert "HITL_TEMPORAL_PATIENCE" in done.stderr


def refusal(done: Ended) -> str:
    """Return the one line in which a command says why it did not start."""
    assert done.returncode == 1, done
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("hitl: ")
    return line
