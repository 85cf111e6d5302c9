"""Whatever a document says: it is loaded or its author is told why not; nothing is raised."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_temporal.definition.lint import Surroundings
from hitl_temporal.definition.problems import has_errors
from hitl_temporal.definition.project import load_text
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People
from hitl_temporal.domain.value import Json

TABLE = Table.model_validate(
    {"rows": [{"if": "inputs.a > 1", "stages": [{"who": "user:a", "due": "1d", "at_due": "later"}]}]}
)
AROUND = Surroundings(
    people=People(),
    site=Site(routes={"a": TABLE}),
    activities={"a": None},
    flows={"a": Flow.model_validate({"flow": "a", "steps": [{"id": "a", "call": "a"}]}), "b": None},
    resources={"a": 1},
)
NAMES = """
a b if id any of is count for who not due with ask call wait needs undo auto outcome outcomes stages remind at_due
approve name title show retry max backoff type default items minimum label reason $ref format pattern grant
parallel route rows hit any_of fallback quiet weights pick escalate after to how edit form subject material review
break_glass attachments url sample shadow rework cooling_off lease via assurance calendar user:a
run do each choose flow repeat until first limit tolerate enough rest else catch uses keep on_failure event file path
command script args env timeout pool
"""
KEYS = st.sampled_from(NAMES.split())
TEXTS = """
a b 2bd 1h user:a {{steps.a.by}} {{x inputs.a integer approved {{ item true {{failure.error}} event.data
steps.b.outputs.x fail ask catch
"""
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 5)
    | st.sampled_from([*TEXTS.split(), "index > 1"])
    | st.text(max_size=4)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
IDS = st.sampled_from(["a", "b", "c", "d", "e"])
LEAVES = st.fixed_dictionaries(
    {"id": IDS},
    optional={
        "call": st.just("a") | SCALARS,
        "needs": st.lists(IDS | VALUES, max_size=2),
        "if": SCALARS,
        "with": VALUES,
        "undo": VALUES,
        "wait": st.fixed_dictionaries({"for": SCALARS}) | st.dictionaries(KEYS, VALUES, max_size=2),
        "run": VALUES,
        "flow": SCALARS,
        "on_failure": VALUES,
        "uses": VALUES,
        "timeout": SCALARS,
        "ask": st.fixed_dictionaries(
            {"title": SCALARS},
            optional={
                "who": SCALARS,
                "due": SCALARS,
                "remind": VALUES,
                "stages": VALUES | st.just({"route": "a"}),
                "material": VALUES,
                "weights": VALUES,
                "edit": VALUES,
                "subject": SCALARS,
                "form": VALUES,
                "break_glass": VALUES,
                "outcomes": VALUES | st.just({"later": {"label": "Later"}}),
            },
        ),
    },
)


def with_steps_within(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Return steps that have such steps within, in every place where some can be."""
    steps = st.lists(inner, min_size=1, max_size=2)
    branches = st.fixed_dictionaries({"if": SCALARS, "do": steps}) | st.fixed_dictionaries({"else": steps})
    asked = st.fixed_dictionaries({"ask": st.fixed_dictionaries({}, optional={"who": SCALARS, "body": SCALARS})})
    failing = {"on_failure": st.fixed_dictionaries({"catch": steps}) | asked | SCALARS}
    rest = {"repeat": VALUES, "first": SCALARS, "undo": VALUES, "needs": st.lists(IDS, max_size=1), **failing}
    of_items = {"tolerate": SCALARS, "enough": VALUES, "limit": SCALARS}
    return (
        st.fixed_dictionaries({"id": IDS, "do": steps}, optional=rest)
        | st.fixed_dictionaries({"id": IDS, "each": VALUES, "do": steps}, optional=failing | of_items)
        | st.fixed_dictionaries({"id": IDS, "choose": st.lists(branches, min_size=1, max_size=2)}, optional=failing)
        | st.fixed_dictionaries({"id": IDS, "call": st.just("a")}, optional=failing)
    )


STEPS = st.recursive(LEAVES, with_steps_within, max_leaves=4)


@settings(max_examples=300)
@given(
    steps=st.lists(STEPS, max_size=3),
    rest=st.dictionaries(
        st.sampled_from(["inputs", "vars", "owner", "start", "outputs", "title", "category", "calendar"]),
        VALUES,
        max_size=3,
    ),
)
def test_a_document_is_loaded_or_told(steps: list[Json], rest: dict[str, Json]) -> None:
    """A flow comes exactly when there is no error, and each problem is one bounded line."""
    flow, problems = load_text(json.dumps({"flow": "x", "steps": steps, **rest}), "flow.yaml", AROUND)
    assert (flow is None) == has_errors(problems)
    for problem in problems:
        assert problem.message
        assert "\n" not in str(problem)
        assert len(str(problem)) < 700
