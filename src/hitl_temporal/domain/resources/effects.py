"""What a pool wants done in the world.

Must not know: who does it.
"""

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.resources.state import Claim
from hitl_temporal.domain.value import Value

__all__ = ["Effect", "Grant", "Refuse"]


class Grant(Value):
    """Tell who asked that the units are theirs; said again to who asks again."""

    claim: Claim


class Refuse(Value):
    """Tell who asked that they will never have them."""

    claim: Claim
    reason: str


Effect = Grant | Refuse | Record
