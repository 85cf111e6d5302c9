"""The use cases on the server that the engine's tests share."""

from tests.engine.conftest import idle_rig, rig, server

__all__ = ["idle_rig", "rig", "server"]
