"""One value that people give: an input of a flow, a field of a form.

Must not know: flows, approvals, who gives it.
"""

import re
from collections.abc import Mapping
from typing import Self

from pydantic import model_validator

from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.rules import Kind, Rules
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import path, said, violations

__all__ = ["HIDDEN", "Input", "hidden", "is_sensitive"]

HIDDEN = "***"
"""What people see in the place of a value that is sensitive."""


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

    def form_schema(self) -> dict[str, Json]:
        """Return the property as a form needs it: what is sensitive is written, and never shown."""
        return {**self.json_schema(), "writeOnly": True} if self.sensitive else self.json_schema()

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if self.default is not None:
            for violation in violations(self, self.default):
                wrong = f"`{path('default', violation)}` does not fit: {said(violation, is_sensitive=self.sensitive)}"
                raise fault(f"{wrong}; change it", "default", *violation.at)
        return self


def hidden(fields: Mapping[str, Input], values: Mapping[str, Json]) -> dict[str, Json]:
    """Return values by name as people may see them."""
    return {name: HIDDEN if name in fields and fields[name].sensitive else value for name, value in values.items()}


def is_sensitive(fields: Mapping[str, Input], expression: str) -> bool:
    """Tell whether an expression names a sensitive field by its path, a part of one, or what holds one."""
    return any(
        path.startswith(f"{expression}.") or re.search(rf"(?<![\w.]){re.escape(path)}(?!\w)", expression)
        for path, field in fields.items()
        if field.sensitive
    )
