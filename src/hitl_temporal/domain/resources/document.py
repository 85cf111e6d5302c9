"""A resource as site.yaml writes it.

Must not know: who uses it.
"""

from pydantic import Field

from hitl_temporal.domain.value import Document

__all__ = ["MAX_UNITS", "RESOURCE_NAME", "Resource"]

RESOURCE_NAME = r"^[a-z][a-z0-9_-]*$"

MAX_UNITS = 1_000_000


class Resource(Document):
    """Something of which there are so many units, for all runs together; one unit is a mutex."""

    units: int = Field(default=1, ge=1, le=MAX_UNITS)
    description: str = ""
