"""Whatever a document says: it is loaded or its author is told why not; nothing is raised."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_temporal.definition.lint import Surroundings
from hitl_temporal.definition.problems import has_errors
from hitl_temporal.definition.project import load_text
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.people import People
from hitl_temporal.domain.value import Json

TABLE = Table.model_validate(
    {"rows": [{"if": "inputs.a > 1", "stages": [{"who": "user:a", "due": "1d", "at_due": "later"}]}]}
)
AROUND = Surroundings(people=People(), site=Site(routes={"a": TABLE}), activities=frozenset({"a"}))
NAMES = """
a b if id any of is count for who not due with ask call wait needs undo auto outcome outcomes stages remind at_due
approve name title show retry max backoff type default items minimum label reason $ref format pattern grant
parallel route rows hit any_of fallback quiet weights pick escalate after to how edit form subject material review
break_glass attachments url sample shadow rework cooling_off lease via assurance calendar user:a
"""
KEYS = st.sampled_from(NAMES.split())
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 5)
    | st.sampled_from(
        ["a", "b", "2bd", "1h", "user:a", "{{steps.a.by}}", "{{x", "inputs.a", "integer", "approved", "{{"]
    )
    | st.text(max_size=4)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
STEPS = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b"])},
    optional={
        "call": st.just("a") | SCALARS,
        "needs": st.lists(st.sampled_from(["a", "b"]) | VALUES, max_size=2),
        "if": SCALARS,
        "with": VALUES,
        "undo": VALUES,
        "wait": st.fixed_dictionaries({"for": SCALARS}),
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
