"""The command as a whole: wrong command lines, help that comes at once, processes that end for good."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from hitl_temporal.cli import hosting
from hitl_temporal.cli.application import app
from hitl_temporal.hosting.processes import StartError


@pytest.mark.parametrize(
    "words", [("unknown",), ("start",), ("ls", "--unknown"), ("ls", "too many"), ("audit", "verify")]
)
def test_a_wrong_command_line_is_one_line_that_names_the_help(hitl, words) -> None:
    """Exit 2, nothing on stdout, no panel around it."""
    done = hitl(*words)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("hitl: ")
    assert "--help`" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("words", [(), ("audit",)])
def test_without_a_command_there_is_help(hitl, words) -> None:
    """Help that was not asked for is no success."""
    done = hitl(*words)

    assert done.code == 2
    assert "Usage: hitl" in done.out + done.err


@pytest.mark.parametrize("words", [("--help",), ("start", "-h"), ("audit", "--help"), ("audit", "show", "--help")])
def test_help_that_was_asked_for_is_a_success(hitl, words) -> None:
    """Every level has its own."""
    done = hitl(*words)

    assert done.code == 0
    assert "Usage: hitl" in done.out


def test_help_loads_neither_the_client_nor_the_domain() -> None:
    """What takes long to import waits until a command needs it."""
    code = (
        "import sys; from hitl_temporal.cli.application import run; "
        "run(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"httpx", "pydantic", "temporalio", "fastapi", "jinja2"} & set(done.stderr.split())


def test_the_version_is_printed(hitl) -> None:
    """One line: the version."""
    assert hitl("--version").out.count(".") == 2


def test_the_app_also_runs_as_typer_runs_it() -> None:
    """Whoever embeds the app needs nothing of ours around it."""
    done = CliRunner().invoke(app, ["schema", "people"])

    assert done.exit_code == 0
    assert done.stdout.startswith("{")


@pytest.mark.parametrize(
    ("words", "module", "function", "given"),
    [
        (("up", "--ephemeral"), "hitl_temporal.hosting.up", "run_up", {"ephemeral": True}),
        (("up",), "hitl_temporal.hosting.up", "run_up", {"ephemeral": False}),
        (("worker",), "hitl_temporal.hosting.processes", "run_worker", {}),
        (
            ("worker", "--pool", "sap-1"),
            "hitl_temporal.hosting.processes",
            "run_agent",
            {"pool": "sap-1", "slots": None},
        ),
        (
            ("worker", "--pool", "x", "--slots", "3"),
            "hitl_temporal.hosting.processes",
            "run_agent",
            {"pool": "x", "slots": 3},
        ),
        (("serve",), "hitl_temporal.hosting.processes", "run_serve", {}),
    ],
)
def test_a_process_ends_for_good_with_its_own_code(hitl, monkeypatch, words, module, function, given) -> None:
    """Nothing of the interpreter's own end can turn a clean stop into a crash."""
    left, asked = [], []

    def leave(code) -> None:
        left.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(hosting, "os", SimpleNamespace(_exit=leave))
    monkeypatch.setattr(f"{module}.{function}", lambda settings, **more: asked.append((settings.http_port, more)) or 7)

    with pytest.raises(SystemExit):
        hitl(*words)

    assert (left, asked) == ([7], [(8080, given)])


@pytest.mark.parametrize(
    ("command", "function"), [("up", "up.run_up"), ("worker", "processes.run_worker"), ("serve", "processes.run_serve")]
)
def test_a_process_that_cannot_start_is_one_line(hitl, monkeypatch, command, function) -> None:
    """The line names the setting."""

    def fail(*_: object, **__: object) -> None:
        raise StartError("port 8080 is taken; set HITL_HTTP_PORT")

    monkeypatch.setattr(f"hitl_temporal.hosting.{function}", fail)

    assert hitl(command) == (1, "", "hitl: port 8080 is taken; set HITL_HTTP_PORT\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--slots", "3"), "--slots is for an agent; say --pool NAME as well"),
        (("--pool", "Big Pool"), "'Big Pool' is no name of a pool; write small letters, digits and -"),
    ],
)
def test_an_agent_has_a_pool_with_a_name(hitl, words, says) -> None:
    """It is the end of a task queue's name."""
    assert hitl("worker", *words) == (2, "", f"hitl: {says}\n")
