"""`hitl up`, `hitl worker`, `hitl serve`: what they say when they can't start, and what they leave when they stop."""

import shutil
import signal
import socket
from itertools import combinations
from pathlib import Path

import pytest

from tests.e2e.house import ROOT, Ended, House, Ports

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


@pytest.mark.parametrize(("one", "other"), tuple(combinations(PORTS, 2)))
def test_one_port_for_two_is_refused_before_anything_is_started(plot: House, one: str, other: str) -> None:
    """Two settings with the same port are one line that names both; not even the state folder is made."""
    port = str(plot.ports.http)
    said = refusal(plot.hitl("up", **{one: port, other: port}))
    assert one in said
    assert other in said
    assert port in said
    assert not plot.state.exists()


@pytest.mark.parametrize("host", ["999.1.1.1", "192.0.2.1", "a..b"])
@pytest.mark.parametrize("command", ["up", "serve"])
def test_an_address_of_another_machine_is_named_with_its_setting(plot: House, command: str, host: str) -> None:
    """An address that is not here, or none at all, is told by the setting of the address and not of the port."""
    said = refusal(plot.hitl(command, HITL_HTTP_HOST=host))
    assert "HITL_HTTP_HOST" in said
    assert host in said
    assert "HITL_HTTP_PORT" not in said


@pytest.mark.parametrize("command", ["up", "worker", "serve"])
def test_a_state_folder_that_cannot_be_made_is_named_with_its_setting(plot: House, command: str) -> None:
    """A state folder below a file, or where the system allows none, is one line that names the setting."""
    below = plot.ruleset / "state"
    said = refusal(plot.hitl(command, HITL_STATE=str(below)))
    assert "HITL_STATE" in said
    assert str(below) in said
    assert "HITL_STATE" in refusal(plot.hitl(command, HITL_STATE="/proc/nope"))


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("up", name) for name in ("up.json", "up.new", "temporal.db", "temporal.log", "worker.log")),
        *((command, name) for command in ("up", "worker", "serve") for name in ("audit.db", "messages.jsonl")),
    ],
)
def test_a_file_of_the_state_that_cannot_be_written_is_named(plot: House, command: str, name: str) -> None:
    """A file in the state folder that can't be written is one line with file and setting; nothing stays behind."""
    (plot.state / name).mkdir(parents=True)  # a mode would not stop root
    said = refusal(plot.hitl(command))
    assert str(plot.state / name) in said
    assert "HITL_STATE" in said
    assert not plot.processes()


@pytest.mark.parametrize("command", ["up", "worker", "serve"])
def test_an_audit_store_that_is_none_is_named(plot: House, command: str) -> None:
    """A file that is no database in the place of the audit store stops the start, not the first fact."""
    plot.state.mkdir()
    (plot.state / "audit.db").write_bytes(b"this is no database\n" * 1000)
    said = refusal(plot.hitl(command))
    assert str(plot.state / "audit.db") in said
    assert "HITL_STATE" in said


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


@pytest.mark.parametrize("command", ["up", "worker"])
@pytest.mark.parametrize("name", ["people.yaml", "site.yaml"])
def test_broken_people_or_calendars_are_refused_with_their_line(tmp_path: Path, command: str, name: str) -> None:
    """Without its people or calendars a project does not start: one line with file, line and mend."""
    broken = House(tmp_path / "house", project=copied_project(tmp_path))
    file = broken.project / "workflows" / name
    file.write_text("\nnonsense: 1\n")
    said = refusal(broken.hitl(command))
    assert f"{file}:2: " in said
    assert "nonsense" in said
    assert not broken.processes()


def test_a_broken_flow_is_logged_and_the_others_run(tmp_path: Path) -> None:
    """A flow with errors is a warning with its line in the log; the project's other flows run."""
    with_one = House(tmp_path / "house", project=copied_project(tmp_path))
    file = with_one.project / "workflows" / "broken" / "flow.yaml"
    file.parent.mkdir()
    file.write_text("flow: broken\nnonsense: 1\n")
    try:
        with_one.open().asked("bob", with_one.start_firewall())
        for log in (with_one.folder / "up.log", with_one.state / "worker.log"):
            assert f"{file}:2: " in log.read_text()
    finally:
        with_one.end_everything()


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


@pytest.mark.parametrize("command", ["worker", "serve"])
def test_a_namespace_that_temporal_does_not_have_is_refused(house: House, command: str) -> None:
    """A wrong namespace is one line that names it and its setting, at once: waiting would not make it."""
    free = {name: str(getattr(Ports.free(), field)) for name, field in PORTS.items()}
    said = refusal(house.hitl(command, TEMPORAL_ADDRESS=house.temporal_address, TEMPORAL_NAMESPACE="nope", **free))
    assert "'nope'" in said
    assert "TEMPORAL_NAMESPACE" in said
    assert house.temporal_address in said


@pytest.mark.parametrize("command", ["up", "worker", "serve"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [("HITL_TEMPORAL_PATIENCE", "soon"), ("HITL_HTTP_PORT", "abc"), ("HITL_TEMPORAL_UI_PORT", "70000")],
)
def test_a_setting_that_means_nothing_is_a_usage_error(plot: House, command: str, setting: str, value: str) -> None:
    """A setting that can't be read ends with 2, in one line that names the variable."""
    done = plot.hitl(command, **{setting: value})
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"hitl: {setting}: ")
    assert not done.stdout


def copied_project(folder: Path) -> Path:
    """Return a copy of the shipped project that a test may break."""
    for name in ("workflows", "activities"):
        shutil.copytree(ROOT / name, folder / "project" / name)
    return folder / "project"


def refusal(done: Ended) -> str:
    """Return the one line in which a command says why it did not start."""
    assert done.returncode == 1, done
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("hitl: ")
    return line
