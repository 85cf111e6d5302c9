"""The connector `container.run`: one command in a container of its own."""

from hitl_temporal.integrations.container.models import Container, Finished, Mount
from hitl_temporal.integrations.container.running import connector

__all__ = ["Container", "Finished", "Mount", "connector"]
