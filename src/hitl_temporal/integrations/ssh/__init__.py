"""The connector `shell.ssh`: one command on another machine."""

from hitl_temporal.integrations.ssh.models import Command, Finished
from hitl_temporal.integrations.ssh.running import connector

__all__ = ["Command", "Finished", "connector"]
