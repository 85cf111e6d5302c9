"""pytest runs the scenarios of a project as its tests."""

import subprocess
import sys
from pathlib import Path

import pytest

FLOW = "flow: hello\nsteps:\n  - {id: ok, ask: {title: May we?, who: [user:bob], due: 1bd}}\n"
SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.process
def test_each_scenario_is_a_test(tmp_path: Path) -> None:
    """One that fails says what is otherwise, and shows none of our code; other YAML files are none."""
    folder = tmp_path / "workflows/hello/scenarios"
    folder.mkdir(parents=True)
    (folder.parent / "flow.yaml").write_text(FLOW)
    (folder.parent.parent / "people.yaml").write_text("people: {bob: {name: Bob}}\n")
    (folder / "one.yaml").write_text("scenario: nobody answers\nthen: {status: waiting}\n")
    (folder / "two.yaml").write_text("scenario: wrong\nthen: {status: completed}\n")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "workflows"]
    plugin = ["-p", "hitl_temporal.testing.plugin", "-o", "addopts="]
    environment = {"PYTHONPATH": str(SOURCE), "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([*words, *plugin], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "hello/two" in done.stdout
    assert "two.yaml:2: status: expected completed, found waiting (ok: answer)" in done.stdout
    assert "plugin.py" not in done.stdout
