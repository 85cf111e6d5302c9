"""The use cases on the server that the engine's tests share."""

from datetime import timedelta

import pytest

from hitl_temporal.service import door
from tests.engine.conftest import idle_rig, rig, server

__all__ = ["idle_rig", "rig", "server"]

PATIENT = timedelta(seconds=30)
"""On a busy machine a worker may take longer than a person is let wait; what is tested is another thing."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let doors wait for a worker, except where a test says otherwise."""
    monkeypatch.setattr(door, "PATIENCE", PATIENT)
