"""The connector `file.transfer`: one file from here to there, whole or not at all."""

from hitl_temporal.integrations.transfer.copying import connector
from hitl_temporal.integrations.transfer.models import Login, Transfer, Transferred

__all__ = ["Login", "Transfer", "Transferred", "connector"]
