"""What the audit trail says of a change of the site's absences.

Why somebody is away is nobody's business here: reasons stay in the list.

Must not know: how commands are judged (absences.py), chains, sinks.
"""

from datetime import datetime

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.absences import AddAbsence, Command, Receipt
from hitl_temporal.domain.effects import Record


def fact(command: Command, receipt: Receipt, at: datetime) -> Record | None:
    """Return the fact of a command that has just been carried out, None where it has changed nothing."""
    absence = receipt.absence
    if absence is None:
        return None
    verb = "added" if isinstance(command, AddAbsence) else "removed"
    attributes = {
        "absence": absence.id,
        "actor": command.actor,
        "person": absence.person,
        "substitute": absence.substitute,
        "since": absence.since.isoformat(),
        "until": absence.until.isoformat(),
        "flow": absence.flow,
        "condition": absence.condition,
        "was": None if verb == "added" else _stood(absence, at),
    }
    said = {f"hitl.{name}": value for name, value in attributes.items() if value is not None}
    return Record(name=f"absence.{verb}", key=f"{verb}:{absence.id}", at=at, attributes={**said})


def _stood(absence: Absence, at: datetime) -> str:
    """Return how far an absence was: one that is removed while it runs has ended early."""
    if at < absence.since:
        return "ahead"
    return "running" if at < absence.until else "over"
