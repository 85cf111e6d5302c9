"""The connector `http.request`: one call of somebody's HTTP interface."""

from hitl_temporal.integrations.http.connector import connector
from hitl_temporal.integrations.http.models import Request, Response

__all__ = ["Request", "Response", "connector"]
