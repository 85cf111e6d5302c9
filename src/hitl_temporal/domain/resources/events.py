"""What can happen to a pool; each event carries its time.

Must not know: who observed the event.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.resources.state import Claim
from hitl_temporal.domain.value import Value

__all__ = ["Checked", "Event", "Released", "Requested", "Resized", "Undelivered"]


class Requested(Value):
    """Somebody wishes for units."""

    kind: Literal["requested"] = "requested"
    at: AwareDatetime
    claim: Claim


class Released(Value):
    """Units are given back, or not wished for any more.

    Attributes:
        given_at: When, by the time of who says so.
    """

    kind: Literal["released"] = "released"
    at: AwareDatetime
    claim: str
    given_at: AwareDatetime


class Undelivered(Value):
    """Who was granted units can't be told of it."""

    kind: Literal["undelivered"] = "undelivered"
    at: AwareDatetime
    claim: str


class Checked(Value):
    """It was looked at who is still there.

    Attributes:
        ended: The first execution run ids of those who are not.
    """

    kind: Literal["checked"] = "checked"
    at: AwareDatetime
    ended: tuple[str, ...] = ()


class Resized(Value):
    """There are so many units now; None: the site has no such resource."""

    kind: Literal["resized"] = "resized"
    at: AwareDatetime
    units: int | None


Event = Annotated[Requested | Released | Undelivered | Checked | Resized, Field(discriminator="kind")]
