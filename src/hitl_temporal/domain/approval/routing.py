"""Putting a decision table in the place of its name.

Must not know: where tables are kept.
"""

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routes import Routed, Table


def route_named(ask: Ask) -> str | None:
    """Return the name of the table that a question goes by; None: it has its stages, or the table itself."""
    stages = ask.stages
    return stages.route if isinstance(stages, Routed) and isinstance(stages.route, str) else None


def with_table(ask: Ask, table: Table) -> Ask:
    """Return a question with this table in the place of its stages.

    Raises:
        ValidationError: Whether the stages may end as they say depends on the outcomes of the question, and they don't.
    """
    return Ask.model_validate({**ask.model_dump(mode="json", by_alias=True), "stages": Routed(route=table)})
