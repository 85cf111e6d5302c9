"""The words for each kind of thing in a document, and the keys that this version knows of but can't carry out.

A key of the contract that nothing acts on is refused: ignoring it would let an author believe in a guarantee that
isn't there.

Must not know: problems, files.
"""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, Tag

from hitl_temporal.domain.approval.ask import Ask, Attachment, Auto, BreakGlass, Outcome, Review
from hitl_temporal.domain.approval.routes import Routed, Row, Table
from hitl_temporal.domain.approval.stage import Alternative, Escalation, Parallel, Stage
from hitl_temporal.domain.calendar import CalendarDocument
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.definition import Flow, Limit
from hitl_temporal.domain.flow.expect import Expect
from hitl_temporal.domain.flow.incident import Incident
from hitl_temporal.domain.flow.job import Job
from hitl_temporal.domain.flow.needs import Need
from hitl_temporal.domain.flow.policies import Match, Policy
from hitl_temporal.domain.flow.step import Branch, Catch, Extend, Grant, Otherwise, Repair, Retry, Step, Undo
from hitl_temporal.domain.flow.verbs import Enough, EventWait, FileWait, Repeat, RunWait, Wait
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.people import Group, People, Person
from hitl_temporal.domain.resources.document import Resource
from hitl_temporal.domain.rules import Part
from hitl_temporal.domain.schedules import (
    Blackout,
    EventTrigger,
    FileTrigger,
    RunTrigger,
    Schedule,
    Trigger,
    WebhookTrigger,
)
from hitl_temporal.domain.simulation.scenario import Answer, Away, Directory, Entry, Expected, Given, Scenario

from .site import Site

__all__ = ["SITE_WITHOUT_EFFECT", "Kind", "instead_of", "kept_apart", "keys_in", "kind_at", "known_keys"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ASK = _words("ticket")
_PART = _words("""
    $defs $ref additionalProperties allOf anyOf const contains contentEncoding contentMediaType dependentRequired
    dependentSchemas else examples if maxContains maxProperties minContains minProperties not oneOf patternProperties
    prefixItems propertyNames then unevaluatedItems unevaluatedProperties
""")
_INPUT = _PART | _words("required")

SITE_WITHOUT_EFFECT = _words("connections")
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
    Flow: Kind("a flow"),
    Limit: Kind("a limit of runs"),
    Expect: Kind("an `expect`"),
    Incident: Kind("an `incident`"),
    AlertEntry: Kind("an entry of an alert route"),
    Input: Kind("an input", _INPUT),
    Part: Kind("a part of an input", _PART),
    Policy: Kind("a policy"),
    Match: Kind("what a policy matches"),
    Step: Kind("a step"),
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
    Undo: Kind("an `undo`"),
    Job: Kind("a `run`"),
    Repeat: Kind("a `repeat`"),
    Enough: Kind("an `enough`"),
    Branch: Kind("a branch"),
    Otherwise: Kind("an `else`"),
    Catch: Kind("a `catch`"),
    Repair: Kind("an `on_failure`"),
    Grant: Kind("a `grant`"),
    Extend: Kind("an `extend`"),
    Wait: Kind("a `wait`"),
    EventWait: Kind("an `event`"),
    FileWait: Kind("a `file`"),
    RunWait: Kind("a `run` to wait for"),
    Need: Kind("an entry of `needs`"),
    People: Kind("people.yaml"),
    Person: Kind("a person"),
    Group: Kind("a group"),
    Site: Kind("site.yaml"),
    Scenario: Kind("a scenario"),
    Given: Kind("`given`"),
    Answer: Kind("the answer of a job"),
    Away: Kind("an absence"),
    Entry: Kind("an entry of `when`"),
    Directory: Kind("a `directory`"),
    Expected: Kind("what is expected"),
    CalendarDocument: Kind("a calendar"),
    Resource: Kind("a resource"),
    Blackout: Kind("a blackout"),
    Trigger: Kind("a trigger"),
    Schedule: Kind("a schedule"),
    EventTrigger: Kind("an event trigger"),
    WebhookTrigger: Kind("a webhook trigger"),
    FileTrigger: Kind("a file trigger"),
    RunTrigger: Kind("a run trigger"),
}


def known_keys(model: type[BaseModel]) -> list[str]:
    """Return the keys that may be written where this model stands."""
    keys = [field.alias or name for name, field in model.model_fields.items()]
    # The keys of a single stage may stand in the ask itself.
    of_a_stage = known_keys(Stage) if model is Ask else []
    return list(dict.fromkeys([*keys, *of_a_stage, *instead_of(model)]))


def instead_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys that may stand alone where this model is taken to be meant: they belong to another one."""
    return _INSTEAD.get(model, ())


def kept_apart(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys that belong to another form of what this model is one form of."""
    return _APART.get(model, ())


_APART: dict[type[BaseModel], tuple[str, ...]] = {Otherwise: ("if", "do"), Catch: ("ask",)}
_INSTEAD: dict[type[BaseModel], tuple[str, ...]] = {Branch: ("else",), Repair: ("catch",)}


def kind_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[type[BaseModel], Kind]:
    """Return the model that stands at a place of a validation error, and what it is called.

    Args:
        model: The model of the whole document.
        loc: The place as pydantic names it: keys, indexes, branches of unions.
    """
    for _, _, here in _ways(model, loc):
        model = _model_in(here) or model
    return model, _KINDS.get(model, Kind("this place"))


def keys_in(model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return a place without the branches of unions that pydantic names in it: what a document could have there."""
    return tuple(part for part, is_branch, _ in _ways(model, loc) if not is_branch)


def _ways(here: object, loc: tuple[str | int, ...]) -> Iterator[tuple[str | int, bool, object]]:
    """Yield each part of a place, whether it is the branch of a union, and what stands there as it is annotated."""
    for part in loc:
        branches = _branches(here)
        is_branch = len(branches) > 1
        here = next((b for b in branches if _label(b) == part), None) if is_branch else _below(branches, part)
        yield part, is_branch, here


def _below(annotations: tuple[object, ...], part: str | int) -> object:
    """Return what stands below the one annotation given; None where that is no model's."""
    (annotation,) = annotations
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {field.alias or name: field.annotation for name, field in annotation.model_fields.items()}
        return fields[part] if part in fields else _model_of_extras(annotation)
    origin, arguments = get_origin(annotation), iter(get_args(annotation))
    if origin is dict:
        next(arguments)  # its keys
    return next(arguments) if origin in {dict, list, tuple} else None


def _branches(annotation: object) -> tuple[object, ...]:
    """Return the members of a union other than None; of anything else, itself without what only annotates it."""
    match get_origin(annotation):
        case origin if origin is Annotated:
            return _branches(get_args(annotation)[0])
        case origin if origin in {Union, UnionType}:
            members = tuple(member for member in get_args(annotation) if member is not NoneType)
            # What may be left out is no branch: pydantic names those of the union within, if it is one.
            return _branches(members[0]) if len(members) == 1 else members
        case _:
            return (annotation,)


def _label(branch: object) -> str | None:
    """Return how pydantic names the branch of a union: by its tag, else by its model."""
    tag = next((m.tag for m in getattr(branch, "__metadata__", ()) if isinstance(m, Tag)), None)
    model = _model_in(branch)
    return tag or (model.__name__ if model else None)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _model_of_extras(model: type[BaseModel]) -> type[BaseModel] | None:
    return _model_in(model.__annotations__.get("__pydantic_extra__"))
