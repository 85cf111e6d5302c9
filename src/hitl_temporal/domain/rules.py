"""What a value must be, in the words of JSON Schema: the keywords that we check, and no others.

A keyword that is not here is refused when a document is read, at any depth: one that was ignored later would let an
author believe in a check that never happens.

Must not know: how a value is checked, flows, forms.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictFloat, StrictInt

from hitl_temporal.domain.patterns import PatternError, check
from hitl_temporal.domain.value import Document, Json
from hitl_temporal.domain.words import found, shorten

__all__ = ["Kind", "Part", "Rules"]

Kind = Literal["string", "integer", "number", "boolean", "array", "object"]


def _pattern(text: str) -> str:
    try:
        check(text)
    except PatternError as error:
        wrong = f"{found(text)} is not a regular expression of RE2 ({shorten(str(error), 100)})"
        raise ValueError(f"{wrong}; look at its brackets and backslashes, and at what RE2 lacks") from error
    return text


Count = Annotated[StrictInt, Field(ge=0)]
Number = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]
Divisor = Annotated[StrictInt, Field(gt=0)] | Annotated[StrictFloat, Field(gt=0, allow_inf_nan=False)]


class Rules(Document):
    """The rules for one value and for what lies in it."""

    type: Kind | None = None
    title: str | None = None
    description: str | None = None
    format: str | None = None
    enum: Annotated[tuple[Json, ...], Field(min_length=1)] | None = None
    pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    """Found anywhere in the text, unless it is anchored; without what RE2 lacks, such as looking ahead."""
    minimum: Number | None = None
    maximum: Number | None = None
    exclusive_minimum: Number | None = Field(default=None, alias="exclusiveMinimum")
    exclusive_maximum: Number | None = Field(default=None, alias="exclusiveMaximum")
    multiple_of: Divisor | None = Field(default=None, alias="multipleOf")
    min_length: Count | None = Field(default=None, alias="minLength")
    max_length: Count | None = Field(default=None, alias="maxLength")
    items: "Part | None" = None
    min_items: Count | None = Field(default=None, alias="minItems")
    max_items: Count | None = Field(default=None, alias="maxItems")
    unique_items: bool = Field(default=False, alias="uniqueItems")
    properties: "dict[str, Part] | None" = None


class Part(Rules):
    """The rules for what lies in a list or an object."""

    required: tuple[str, ...] = ()
    """Properties that may not be left out."""


Rules.model_rebuild()  # They hold parts, which could not be known before.
