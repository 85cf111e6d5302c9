"""The connector `http.request`: one call of somebody's HTTP interface."""

from hitl_temporal.integrations.http.models import Request, Response
from hitl_temporal.integrations.http.sending import connector

__all__ = ["Request", "Response", "connector"]
