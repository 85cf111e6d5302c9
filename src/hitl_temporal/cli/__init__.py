"""The command `hitl`: people's commands through the HTTP client, setting up through `app`. Must not know Temporal."""

from hitl_temporal.cli.application import main

__all__ = ["main"]
