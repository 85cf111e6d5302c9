"""On whatever step, ask or table is written, the schema for editors and the models give the same verdict.

Numbers without a fraction (`2.0`) are left out: they are whole numbers to JSON Schema, and not to the models.
"""

import re
from functools import cache

import pytest
from hypothesis import Phase, example, find, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from hitl_temporal.definition.documents import Document
from hitl_temporal.definition.schema import flow_schema, site_schema
from hitl_temporal.definition.site import Site
from hitl_temporal.definition.translate import translate
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.flow.step import Step
from hitl_temporal.domain.value import Json

BEYOND_A_SCHEMA = re.compile(
    r"two stages are named|lets silence approve|`(at_due|outcome)` can't be|unknown outcome|expression |the last branch"
)
"""What only the models can see."""


def any_of(*values: Json) -> st.SearchStrategy[Json]:
    return st.sampled_from(values)


RARELY = 60
"""How many good values there are to a bad one: so few that many documents have none."""


def rarely(good: st.SearchStrategy[Json], *bad: Json) -> st.SearchStrategy[Json]:
    """Return what is written mostly, and now and then a mistake."""
    return st.integers(0, RARELY).flatmap(lambda n: any_of(*bad) if n == RARELY else good)


ODD: tuple[Json, ...] = (None, True, False, 0, 1, 2.5, "", "x", "user:ann", "1d", "any", [], ["x"], {}, {"x": 1})
"""What may stand anywhere by mistake."""
TEXT = any_of("T", "{{inputs.a}}", "")
EXPRESSION = any_of("true", "inputs.a > 1")
SELECTOR = any_of("user:ann", "group:secops", "manager:requester", "manager:user:bob", "{{inputs.a}}", "owner:x")
SELECTORS = rarely(SELECTOR | st.lists(SELECTOR, min_size=1, max_size=2), "secops", ["user:"], "user:a b", [])
DURATION = rarely(any_of("1d", "4bh", "1h30m", "2w"), "0s", "2 d", "1x", "d")
THRESHOLD = rarely(any_of("any", "all", "each", 1, 2, "60%", "100%"), 0, "0%", "101%", "2", "most")
OUTCOME = any_of("approved", "rejected", "later")
NAME = rarely(any_of("a", "b", "c-d", "decision", "e_f"), "A", "1")
BOOLEAN = st.booleans()


def document(
    required: dict[str, st.SearchStrategy[Json]], optional: dict[str, st.SearchStrategy[Json]]
) -> st.SearchStrategy[Json]:
    """Return documents of a few of these keys; now and then one that is required is not there, or one too many."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Json:
        keys = draw(st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True)) if optional else []
        wanted = {**required, **{key: optional[key] for key in keys}}
        found: dict[str, Json] = {key: draw(rarely(value, *ODD)) for key, value in wanted.items()}
        match draw(st.integers(0, RARELY)):
            case 0:
                found["strange"] = 1
            case 1 if found:
                del found[draw(st.sampled_from(sorted(found)))]
            case _:
                pass
        return found

    return drawn()


def listed(value: st.SearchStrategy[Json], least: int = 0) -> st.SearchStrategy[Json]:
    return st.lists(value, min_size=least, max_size=2).map(list)


COUNT = rarely(any_of(1, 5, 1000), 0, 1001, "2")
WEIGHTS = st.dictionaries(st.sampled_from(["user:ann", "{{inputs.a}}"]), COUNT, max_size=2)
QUIET = BOOLEAN | SELECTORS
PICK = rarely(any_of("random", "2 by round_robin", "least_loaded", "experienced"), "0 by random", "2", "100 by random")
WAYS = listed(document({"who": SELECTORS}, {"approve": THRESHOLD}), 1)
ASKING = document({"after": DURATION, "to": SELECTORS}, {"how": any_of("add", "replace", "notify")})
DECIDING = document({"after": DURATION, "how": any_of("decide"), "outcome": OUTCOME}, {})
MUDDLED = document({"after": DURATION}, {"to": SELECTORS, "how": any_of("decide", "add", "x"), "outcome": OUTCOME})
ESCALATE = listed(st.sampled_from([ASKING, DECIDING, ASKING, DECIDING, MUDDLED]).flatmap(lambda kind: kind))
OF_A_STAGE: dict[str, st.SearchStrategy[Json]] = {
    "name": NAME,
    "when": EXPRESSION,
    "not": SELECTORS,
    "fallback": SELECTORS,
    "approve": THRESHOLD,
    "reject": THRESHOLD,
    "wait_for_all": BOOLEAN,
    "distinct": BOOLEAN,
    "allow_requester": BOOLEAN,
    "assurance": rarely(any_of("low", "medium", "high"), "none"),
    "remind": DURATION | listed(DURATION),
    "escalate": ESCALATE,
    "due": DURATION,
    "at_due": any_of("expire", "reject", "approved", "later"),
    "at_due_positive": BOOLEAN,
    "lease": DURATION,
    "via": any_of("slack", ["slack", "email"], []),
}
OF_BOTH: dict[str, st.SearchStrategy[Json]] = {
    "calendar": any_of("nl"),
    "material": listed(EXPRESSION),
    "pick": PICK,
    "quiet": QUIET,
    "weights": WEIGHTS,
}
WITHOUT_APPROVE = {key: value for key, value in OF_A_STAGE.items() if key != "approve"}
STAGE = (
    document({"who": SELECTORS}, {**OF_A_STAGE, **OF_BOTH})
    | document({"who": SELECTORS}, {**OF_A_STAGE, **OF_BOTH})
    | document({"any_of": WAYS}, {**WITHOUT_APPROVE, **OF_BOTH})
    | document({}, {"who": SELECTORS, "any_of": WAYS, "approve": THRESHOLD, "pick": PICK})
)
ENTRY = STAGE | document({"parallel": listed(STAGE, 1)}, {"name": NAME, "when": EXPRESSION})
ENTRIES = listed(ENTRY, 1)
TABLE = document(
    {"rows": listed(document({"stages": ENTRIES}, {"if": EXPRESSION}), 1)},
    {"hit": rarely(any_of("first", "all"), "any")},
)
NAMED = st.sampled_from(["later", "yes", "later", "yes", "later", "yes", "Later", "rework", "open"])
FORM = st.dictionaries(NAMED, document({"type": rarely(any_of("string", "integer"), "text")}, {}), max_size=1)
OF_AN_ASK: dict[str, st.SearchStrategy[Json]] = {
    "body": TEXT,
    "show": st.dictionaries(st.sampled_from(["a", "B c"]), any_of(*ODD), max_size=2),
    "attachments": listed(document({"name": TEXT, "url": TEXT}, {"digest": TEXT})),
    "outcomes": st.dictionaries(
        NAMED,
        document({"label": TEXT}, {"positive": BOOLEAN, "comment": rarely(any_of("optional", "required"), "never")}),
        max_size=1,
    ),
    "auto": listed(document({"if": EXPRESSION, "outcome": OUTCOME}, {"reason": TEXT})),
    "shadow": BOOLEAN,
    "sample": rarely(any_of("10%", None), "0%", "10"),
    "form": FORM,
    "edit": listed(rarely(any_of("inputs.a", "vars"), "inputs a", "inputs.")),
    "comment": rarely(any_of("optional", "required", "on_reject"), "never"),
    "subject": TEXT,
    "beneficiary": TEXT,
    "author": TEXT,
    "rework": rarely(any_of(0, 3, 20), 21, -1),
    "cooling_off": DURATION,
    "break_glass": document({"who": SELECTORS, "review": document({"who": SELECTORS}, {"due": DURATION})}, {}),
    **OF_BOTH,
}
ROUTED = document({"route": rarely(any_of("spend"), "Spend") | TABLE}, {})
ASK = (
    document({"title": TEXT, "who": SELECTORS}, {**OF_AN_ASK, **OF_A_STAGE})
    | document({"title": TEXT, "stages": ENTRIES | ROUTED}, OF_AN_ASK)
    | document({"title": TEXT}, {**OF_AN_ASK, "stages": ENTRIES | ROUTED, "who": SELECTORS, "any_of": WAYS})
)
ID = rarely(any_of("a", "b", "c_d"), "A", "")
ACTIVITY = rarely(any_of("firewall.apply", "b"), "fire wall", "")
ARGUMENTS = st.dictionaries(st.sampled_from(["a", "if"]), any_of(*ODD), max_size=2)
JOB = document(
    {"command": rarely(any_of("ls -l", "load {{inputs.a}}", ["ls", 1, True, 2.5]), [], "")},
    {
        "args": rarely(any_of([], ["a", 1], "{{inputs.list}}"), "a b"),
        "env": st.dictionaries(rarely(any_of("A", "B_1"), "1A", "HITL_A").map(str), any_of("a", 1, None), max_size=2),
        "cwd": TEXT,
        "pool": rarely(any_of("linux"), "Linux"),
        "outputs": st.dictionaries(st.sampled_from(["rows"]), any_of("$.rows", "/rows: ([0-9]+)/"), max_size=1),
        "log_limit": rarely(any_of("64KB", 1000, "1MB"), 0, "64", 2_000_000),
        "idempotent": BOOLEAN,
        "grace": any_of("10s", "1m"),
    },
) | document({"script": any_of("bin/load.sh")}, {"command": any_of("ls", None), "args": any_of(["a"])})
RETRY = document({}, {"max": COUNT, "backoff": rarely(any_of("1s..1m", "5s"), "1m..1s"), "budget": DURATION})
UNDO = (
    document({"call": ACTIVITY}, {"with": ARGUMENTS, "retry": RETRY, "timeout": DURATION, "pool": any_of("linux")})
    | document({"run": JOB}, {"with": ARGUMENTS, "timeout": DURATION})
    | document({"flow": any_of("x")}, {"with": ARGUMENTS, "call": any_of("b", None)})
)
WAIT = document({"for": any_of("1d", "0s", "{{inputs.a}}", "soon")}, {}) | document(
    {},
    {
        "until": any_of("2026-12-24", "inputs.a", "{{inputs.a}}"),
        "event": document({"type": TEXT}, {"source": TEXT, "subject": TEXT, "if": EXPRESSION}),
        "file": TEXT | document({"path": TEXT}, {"is": any_of("absent", "there"), "stable": DURATION}),
        "run": TEXT | document({"id": TEXT}, {"status": any_of("failed", ["failed"], [])}),
    },
)
ANY_GRANT = document({"for": DURATION}, {"extend": document({}, {"max": rarely(any_of(1, 100), 0, 101)})})
ENVELOPE: dict[str, st.SearchStrategy[Json]] = {
    "title": TEXT,
    "needs": any_of(None, [], "a", ["a"], [{"a": "failed"}], [{"any": ["a", "b"], "is": "done"}]),
    "if": EXPRESSION,
    "uses": st.dictionaries(st.sampled_from(["sap", "sap-dialog", "SAP"]), rarely(any_of(1, 2), 0), max_size=1),
    "keep": BOOLEAN,
    "priority": rarely(any_of(1, 5), 0, 6),
    "on_failure": rarely(any_of("park", "ask", "fail", "continue"), "catch", {}),
    "undo": UNDO,
}
MACHINE: dict[str, st.SearchStrategy[Json]] = {
    "retry": RETRY,
    "timeout": DURATION,
    "pool": rarely(any_of("linux"), "Linux"),
    "grant": ANY_GRANT,
    "demand": any_of("a", ["a"]),
}
STRAY: dict[str, st.SearchStrategy[Json]] = {
    "with": ARGUMENTS,
    "limit": any_of(1),
    "first": BOOLEAN,
    "repeat": any_of({"until": "true"}, None),
    "timeout": DURATION,
}
LEAF = (
    document({"id": ID, "call": ACTIVITY}, {**ENVELOPE, **MACHINE, "with": ARGUMENTS})
    | document({"id": ID, "run": JOB}, {**ENVELOPE, **MACHINE})
    | document({"id": ID, "wait": WAIT}, {"title": TEXT, "if": EXPRESSION, "timeout": DURATION})
    | document({"id": ID, "flow": rarely(any_of("x", "a.b"), "X")}, {**ENVELOPE, "with": ARGUMENTS})
    | document({"id": ID, "ask": ASK}, ENVELOPE)
    | document({"id": ID}, {**ENVELOPE, **MACHINE, **STRAY, "call": any_of("b", None), "wait": any_of({"for": "1d"})})
)


def with_steps_within(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Return steps with such steps within, in every place where some can be."""
    steps = listed(inner, 1)
    branch = document({"if": EXPRESSION, "do": steps}, {})
    branches = st.tuples(branch, branch | document({"else": steps}, {})).map(list)
    asked = document({"ask": document({"who": SELECTORS}, {**OF_AN_ASK, **OF_A_STAGE, "title": TEXT})}, {})
    envelope = {**ENVELOPE, "on_failure": document({"catch": steps}, {}) | asked}
    until = document({"until": EXPRESSION}, {"max": COUNT})
    of_items: dict[str, st.SearchStrategy[Json]] = {
        "limit": COUNT,
        "tolerate": rarely(any_of(0, 3, "2%", "100%"), -1, "101%", "some"),
        "enough": document({"count": COUNT}, {"rest": rarely(any_of("cancel", "continue"), "stop")}),
    }
    return (
        document({"id": ID, "do": steps}, {**envelope, "repeat": until})
        | document({"id": ID, "do": steps}, {**envelope, "first": BOOLEAN, "repeat": until})
        | document(
            {"id": ID, "each": any_of("inputs.list", [1, "{{inputs.a}}"]), "do": steps}, {**envelope, **of_items}
        )
        | document({"id": ID, "choose": branches}, envelope)
        | document({"id": ID, "call": ACTIVITY}, {**envelope, **MACHINE})
        | document({"id": ID}, {**envelope, **of_items, **STRAY, "do": steps, "each": any_of([1], None)})
    )


STEP = st.recursive(LEAF, with_steps_within, max_leaves=4)
MANY = settings(max_examples=300, deadline=None)


@cache
def validator_of_an_ask() -> Draft202012Validator:
    schema = flow_schema()
    return Draft202012Validator({"$defs": schema["$defs"], "$ref": "#/$defs/Ask"})


@cache
def validator_of_a_step() -> Draft202012Validator:
    schema = flow_schema()
    return Draft202012Validator({"$defs": schema["$defs"], "$ref": "#/$defs/Step"})


@cache
def validator_of_a_site() -> Draft202012Validator:
    return Draft202012Validator(site_schema())


def agree(model: type[BaseModel], validator: Draft202012Validator, written: Json) -> None:
    """Fail where one accepts what the other refuses, unless only the models can see it."""
    errors = [error.message for error in validator.iter_errors(written)]
    try:
        model.model_validate(written, by_alias=True, by_name=False)
    except ValidationError as refused:
        if not errors:
            told = [str(p) for p in translate(refused, Document("written", written, {}), model)]
            assert all(BEYOND_A_SCHEMA.search(line) for line in told), (told, written)
    else:
        assert errors == [], written


@MANY
@given(ASK)
@example({"title": "T", "who": "user:ann", "pick": "random", "approve": "each"})
@example({"title": "T", "stages": [{"who": "user:ann", "any_of": None}]})
@example({"title": "T", "any_of": [{"who": "user:ann"}], "who": []})
def test_an_ask_is_accepted_by_both_or_by_none(written: Json) -> None:
    """An editor marks what the loader refuses, and nothing else."""
    agree(Ask, validator_of_an_ask(), written)


@MANY
@given(STEP)
@example({"id": "a", "call": "b", "do": None})
@example({"id": "a", "call": "b", "undo": None, "grant": {"for": "1d"}})
@example({"id": "a", "do": [{"id": "b", "call": "c"}], "first": False, "repeat": {"until": "true"}})
def test_a_step_is_accepted_by_both_or_by_none(written: Json) -> None:
    """The same of a step, with all that lies within it."""
    agree(Step, validator_of_a_step(), written)


@MANY
@given(st.dictionaries(st.sampled_from(["spend", "Spend"]), TABLE, max_size=1))
def test_a_table_is_accepted_by_both_or_by_none(routes: dict[str, Json]) -> None:
    """The same of the tables of a site."""
    agree(Site, validator_of_a_site(), {"routes": routes})


def is_sound(model: type[BaseModel], validator: Draft202012Validator, written: Json) -> bool:
    """Tell whether both accept a document."""
    try:
        model.model_validate(written, by_alias=True, by_name=False)
    except ValidationError:
        return False
    return validator.is_valid(written)


@pytest.mark.parametrize(("model", "keys"), [(Ask, 6), (Step, 5)])
def test_sound_documents_are_drawn(model: type[BaseModel], keys: int) -> None:
    """Not only refusals are compared: one of so many keys comes up that both accept."""
    drawn, validator = (ASK, validator_of_an_ask()) if model is Ask else (STEP, validator_of_a_step())
    many = settings(max_examples=3_000, phases=[Phase.generate], database=None)

    def is_large(written: Json) -> bool:
        return isinstance(written, dict) and len(written) >= keys and is_sound(model, validator, written)

    assert find(drawn, is_large, settings=many)
