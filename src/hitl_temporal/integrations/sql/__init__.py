"""The connector `sql.query`: one statement on SQLite or PostgreSQL."""

from hitl_temporal.integrations.sql.connector import connector
from hitl_temporal.integrations.sql.models import Query, Rows

__all__ = ["Query", "Rows", "connector"]
