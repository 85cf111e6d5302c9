"""What every test has: a deterministic Hypothesis profile, an end, and no leftovers of another test's environment."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.bounds import pytest_runtest_teardown

__all__ = ["pytest_runtest_teardown"]

IS_LONG = os.environ.get("HITL_CHAOS") == "long"

# The same examples every time, so that what `make test` says is about the change; `make chaos` looks for new ones.
settings.register_profile(
    "default", deadline=None, derandomize=not IS_LONG, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("save", settings.get_profile("default"), max_examples=5)
settings.load_profile("default")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith(("HITL_", "TEMPORAL_", "OTEL_")) and name != "HITL_CHAOS":
            monkeypatch.delenv(name)
