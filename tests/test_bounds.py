"""What hangs ends, and says where."""

import subprocess
import sys
from pathlib import Path

import pytest

HANGS = """
import time
import pytest

@pytest.fixture
def stuck():
    yield
    time.sleep(600)

def test_it(stuck):
    assert {good}
"""


@pytest.mark.process
@pytest.mark.parametrize("good", [True, False])
def test_fixture_that_hangs_after_its_test_ends_the_process(tmp_path: Path, good: bool) -> None:
    """Also when the test has failed; the stack tells which fixture it was."""
    (tmp_path / "test_hangs.py").write_text(HANGS.format(good=good))
    command = [sys.executable, "-m", "pytest", "-p", "tests.bounds", "-o", "timeout=1", f"{tmp_path}/test_hangs.py"]
    root = Path(__file__).parents[1]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "in stuck" in ended.stdout + ended.stderr
