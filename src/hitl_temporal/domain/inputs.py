"""One value that people give: an input of a flow, a field of a form.

Must not know: flows, approvals, who gives it.
"""

from typing import Self

from pydantic import model_validator

from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.rules import Kind, Rules
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import path, said, violations

__all__ = ["Input"]


class Input(Rules):
    """One input: a JSON Schema property with three keys of ours (`optional`, `sensitive`, `default`)."""

    type: Kind  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] - frozen, so narrower is sound
    default: Json = None
    optional: bool = False
    sensitive: bool = False

    @property
    def is_required(self) -> bool:
        """Required unless it has a default or says `optional: true`."""
        return not self.optional and "default" not in self.model_fields_set

    def json_schema(self) -> dict[str, Json]:
        """Return the property as JSON Schema, without the keys that are ours."""
        ours = {"optional", "sensitive", "default"}
        schema: dict[str, Json] = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=ours)
        if "default" in self.model_fields_set:
            schema["default"] = self.default
        return schema

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if self.default is not None:
            for violation in violations(self, self.default):
                wrong = f"`{path('default', violation)}` does not fit: {said(violation, is_sensitive=self.sensitive)}"
                raise fault(f"{wrong}; change it", "default", *violation.at)
        return self
