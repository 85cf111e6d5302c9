"""Who answers for a request where those who are asked can't: the flow's owner, else operators and admins.

Must not know: why nobody else can.
"""

from collections.abc import Collection

from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.people import OPERATORS

OPERATING = tuple(f"role:{role}" for role in sorted(OPERATORS))
"""Who answers for a request where nobody else does."""


def selectors(state: Approval) -> tuple[str, ...]:
    """Return every selector that the directory must be asked for."""
    return (*_owner(state), *OPERATING)


def who_answers(state: Approval, out: Collection[str] = ()) -> tuple[str, ...]:
    """Return selectors of who answers for a request beside these people: its owner, unless that names nobody else."""
    owner = _owner(state)
    return owner if names_others(state, owner, out) else OPERATING


def names_others(state: Approval, selectors: tuple[str, ...], out: Collection[str]) -> bool:
    """Tell whether any of the selectors names an active person beside these."""
    return any(p not in out and state.roster.is_active(p) for p in state.roster.named_by(selectors))


def _owner(state: Approval) -> tuple[str, ...]:
    owner = state.origin.owner if state.origin is not None else None
    return () if owner is None else (owner,)
