"""The connector `sql.query`: one statement on SQLite or PostgreSQL."""

from hitl_temporal.integrations.sql.models import Query, Rows
from hitl_temporal.integrations.sql.querying import connector

__all__ = ["Query", "Rows", "connector"]
