"""The connectors `runs.start` and `runs.operate`: one run starts another, or acts on it as an operator does."""

from hitl_temporal.integrations.runs.models import Operated, Operation, Start, Started
from hitl_temporal.integrations.runs.operating import operator, starter

__all__ = ["Operated", "Operation", "Start", "Started", "operator", "starter"]
