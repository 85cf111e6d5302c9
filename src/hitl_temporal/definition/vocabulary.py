"""The words for each kind of thing in a document, and the keys that this version knows of but can't carry out.

A key of the contract that nothing acts on is refused: ignoring it would let an author believe in a guarantee that
isn't there.

Must not know: problems, files.
"""

from typing import NamedTuple, get_args

from pydantic import BaseModel

from hitl_temporal.domain.approval.ask import Ask, Attachment, Auto, BreakGlass, Outcome, Review
from hitl_temporal.domain.approval.routes import Routed, Row, Table
from hitl_temporal.domain.approval.stage import Alternative, Escalation, Parallel, Stage
from hitl_temporal.domain.calendar import CalendarDocument
from hitl_temporal.domain.flow.definition import Extend, Flow, Grant, Retry, Step, Undo, Wait
from hitl_temporal.domain.flow.needs import Need
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.people import Group, People, Person
from hitl_temporal.domain.rules import Part

from .site import Site

__all__ = ["SITE_WITHOUT_EFFECT", "Kind", "kind_at", "known_keys"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ASK = _words("ticket")
_STEP = _words("choose do each enough expect first flow incident keep limit priority repeat run tolerate uses")
_FLOW = _words("blackouts concurrency expect on_parked triggers")
_WAIT = _words("event file run until")
_UNDO = _words("flow pool run")
_PART = _words("""
    $defs $ref additionalProperties allOf anyOf const contains contentEncoding contentMediaType dependentRequired
    dependentSchemas else examples if maxContains maxProperties minContains minProperties not oneOf patternProperties
    prefixItems propertyNames then unevaluatedItems unevaluatedProperties
""")
_INPUT = _PART | _words("required")

SITE_WITHOUT_EFFECT = _words("blackouts connections notify policies resources")
"""Keys of site.yaml that may stand there already: what would use them is refused where it is written."""


class Kind(NamedTuple):
    """What a model is called in a sentence.

    Attributes:
        noun: With its article.
        unsupported: Keys of the contract that this version does not have.
    """

    noun: str
    unsupported: frozenset[str] = frozenset()


_KINDS: dict[type[BaseModel], Kind] = {
    Flow: Kind("a flow", _FLOW),
    Input: Kind("an input", _INPUT),
    Part: Kind("a part of an input", _PART),
    Step: Kind("a step", _STEP),
    Ask: Kind("an ask", _ASK),
    Stage: Kind("a stage"),
    Auto: Kind("a rule of `auto`"),
    Outcome: Kind("an outcome"),
    Escalation: Kind("an escalation"),
    Alternative: Kind("an alternative"),
    Parallel: Kind("a block of stages"),
    Routed: Kind("a route"),
    Table: Kind("a decision table"),
    Row: Kind("a row"),
    Attachment: Kind("an attachment"),
    BreakGlass: Kind("a `break_glass`"),
    Review: Kind("a review"),
    Retry: Kind("a `retry`"),
    Undo: Kind("an `undo`", _UNDO),
    Grant: Kind("a `grant`"),
    Extend: Kind("an `extend`"),
    Wait: Kind("a `wait`", _WAIT),
    Need: Kind("an entry of `needs`"),
    People: Kind("people.yaml"),
    Person: Kind("a person"),
    Group: Kind("a group"),
    Site: Kind("site.yaml"),
    CalendarDocument: Kind("a calendar"),
}


def known_keys(model: type[BaseModel]) -> list[str]:
    """Return the keys that may be written where this model stands."""
    keys = [field.alias or name for name, field in model.model_fields.items()]
    # The keys of a single stage may stand in the ask itself.
    return list(dict.fromkeys([*keys, *known_keys(Stage)])) if model is Ask else keys


def kind_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[type[BaseModel], Kind]:
    """Return the model that stands at a place of a validation error, and what it is called.

    Args:
        model: The model of the whole document.
        loc: The place as pydantic names it: keys, indexes, branches of unions.
    """
    for part in loc:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        inner = _model_in(fields[part].annotation) if part in fields else _model_of_extras(model)
        model = inner or model
    return model, _KINDS.get(model, Kind("this place"))


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _model_of_extras(model: type[BaseModel]) -> type[BaseModel] | None:
    return _model_in(model.__annotations__.get("__pydantic_extra__"))
