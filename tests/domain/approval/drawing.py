"""Questions and people drawn by chance: every key of an ask, in every mixture that is allowed."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from pydantic import ValidationError

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.people import Group, People, Person
from hitl_temporal.domain.value import Json

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
FOLK = ("ann", "bob", "cai", "dee", "eli", "fay", "gus", "hal")
GROUPS = ("red", "blue", "green")
PEOPLE = People(
    people={
        p: Person(name=p.title(), manager="bob" if p == "ann" else None, roles=roles)
        for p, roles in {**dict.fromkeys(FOLK, ()), "gus": ("operator",), "hal": ("admin",)}.items()
    },
    groups={
        "red": Group(members=("bob", "cai", "dee")),
        "blue": Group(members=("ann", "dee", "group:red")),
        "green": Group(members=("eli", "fay", "hal")),
    },
)
CONTEXT: dict[str, Json] = {"x": 3, "who": "group:red", "ben": "fay", "o": {"a": 1}}
OUTCOMES = {"later": {"label": "Later"}, "fine": {"label": "Fine", "positive": True}}

selector = st.sampled_from(
    ["group:red", "group:red", "group:green", "group:green", "group:blue", "user:eli", "{{who}}", "group:none"]
)
selectors = st.lists(selector, min_size=1, max_size=3, unique=True)
threshold = st.sampled_from(["any", 1, 1, 2, 2, 2, 3, "all", "50%", "67%", "each"])
refusals = st.sampled_from(["any", "any", "any", 2, "50%", "all", "each"])
length = st.sampled_from(["20m", "1h", "90m", "2bh", "1bd", "500w"])
condition = st.sampled_from(["true", "x < 5", "x < 5", "x > 4", "false"])
escalation = st.one_of(
    st.fixed_dictionaries(
        {"after": length, "to": selectors, "how": st.sampled_from(["add", "add", "replace", "notify"])}
    ),
    st.fixed_dictionaries(
        {"after": length, "how": st.just("decide"), "outcome": st.sampled_from(["rejected", "approved", "later"])}
    ),
)
weights = st.sampled_from([{"group:red": 2}, {"user:cai": 3, "group:blue": 1}, {"{{who}}": 2}])
alternatives = st.lists(st.fixed_dictionaries({"who": selectors, "approve": threshold}), min_size=1, max_size=3)
pick = st.sampled_from(["random", "2 by round_robin", "least_loaded", "experienced", "3 by random"])


@st.composite
def stage(draw: st.DrawFn) -> dict[str, object]:
    """Draw one stage, with few of the many keys that there are."""
    found: dict[str, object] = {"reject": draw(refusals)}
    way = draw(st.sampled_from(["who", "who", "who", "any_of"]))
    if way == "who":
        found |= {"who": draw(selectors), "approve": draw(threshold)}
    else:
        found |= {"any_of": draw(alternatives)}
    keys: dict[str, st.SearchStrategy[object]] = {
        "due": length,
        "at_due": st.sampled_from(["expire", "reject", "later", "approved", "fine"]),
        "fallback": selectors,
        "not": st.sampled_from(["user:cai", "group:green", "{{who}}"]),
        "distinct": st.booleans(),
        "allow_requester": st.booleans(),
        "when": condition,
        "remind": st.sampled_from(["20m", "1bh", ["10m", "1h", "1h"], ["3h", "2bh"]]),
        "escalate": st.lists(escalation, min_size=1, max_size=2),
        "lease": st.sampled_from(["10m", "4bh"]),
        "calendar": st.sampled_from(["default", "other", "other", "nowhere"]),
        "via": st.sampled_from(["chat", ["mail", "chat"]]),
        "quiet": st.sampled_from([True, ["group:red"], ["user:hal"]]),
        "weights": weights,
        "wait_for_all": st.booleans(),
        "assurance": st.sampled_from(["low", "medium", "high"]),
        "material": st.sampled_from([[], ["x"], ["who"]]),
    }
    if way == "who" and found["approve"] != "each":
        keys["pick"] = pick
    for key in draw(st.lists(st.sampled_from(sorted(keys)), max_size=4, unique=True)):
        found[key] = draw(keys[key])
    return {**found, "at_due_positive": True}


@st.composite
def entries(draw: st.DrawFn, prefix: str = "s") -> list[object]:
    """Draw the entries of `stages`: one after another, or side by side."""
    found: list[object] = []
    number = 0
    for kind in draw(st.lists(st.sampled_from(["one", "one", "beside"]), min_size=1, max_size=3)):
        inner: list[dict[str, object]] = []
        for _ in range(2 if kind == "beside" else 1):
            inner.append({**draw(stage()), "name": f"{prefix}{number}"})
            number += 1
        found.append(inner[0] if kind == "one" else {"parallel": inner, "when": draw(condition)})
    return found


TWO = {"who": ["group:red", "user:eli"], "approve": 2}
RICH: list[dict[str, object]] = [
    {  # one after another, each bound to something of its own, changed by everybody
        "stages": [
            {"name": "s0", "who": "group:red", "material": ["x"], "due": "90m", "remind": "20m"},
            {"name": "s1", "who": ["group:green", "user:bob"], "approve": 2, "material": ["who"], "due": "2bh"},
        ],
        "edit": ["x", "who"],
        "beneficiary": "{{ben}}",
        "rework": 2,
    },
    {  # stages that come and go
        "stages": [
            {"name": "s0", "who": "group:red", "when": "x < 5", "material": ["x"], "approve": 2},
            {"name": "s1", "who": "{{who}}", "when": "x > 2", "due": "1h"},
            {"name": "s2", "who": "group:green", "material": ["who"]},
        ],
        "edit": ["x"],
        "beneficiary": "{{ben}}",
        "cooling_off": "30m",
    },
    {  # rows that share a stage and differ in another
        "stages": {
            "route": {
                "rows": [
                    {"if": "x < 4", "stages": [{**TWO, "name": "s0", "material": ["x"]}]},
                    {
                        "if": "x < 7",
                        "stages": [
                            {**TWO, "name": "s0", "material": ["x"]},
                            {"name": "s1", "who": "group:green", "escalate": [{"after": "1h", "to": "group:red"}]},
                        ],
                    },
                    {"stages": [{"name": "s1", "who": "group:green", "approve": 2}, {**TWO, "name": "s2"}]},
                ]
            }
        },
        "edit": ["x"],
    },
    {  # side by side, taken back, nobody twice
        "stages": [
            {
                "parallel": [
                    {"name": "s0", "who": "group:red", "approve": 2, "due": "90m", "lease": "10m"},
                    {"name": "s1", "who": "group:blue", "wait_for_all": True, "due": "1bd", "at_due": "approved"},
                ]
            },
            {"name": "s2", "who": "group:green", "distinct": False, "escalate": [{"after": "1h", "to": "group:red"}]},
        ],
        "cooling_off": "1bh",
        "rework": 1,
        "beneficiary": "{{ben}}",
    },
    {  # one of each, with somebody who is missing
        "stages": [
            {
                "name": "s0",
                "who": ["group:red", "group:green", "user:bob"],
                "approve": "each",
                "reject": "each",
                "fallback": "group:blue",
                "quiet": ["user:gus", "user:eli"],
                "remind": ["10m", "1h"],
                "escalate": [{"after": "90m", "to": ["user:hal", "user:gus"], "how": "replace"}],
            }
        ],
        "material": ["x"],
        "edit": ["x"],
    },
    {  # several ways, heavy votes, everybody heard, answers that have to be confirmed
        "stages": [
            {
                "name": "s0",
                "any_of": [{"who": "group:red", "approve": 3}, {"who": ["group:green", "user:cai"], "approve": "67%"}],
                "weights": {"user:cai": 3},
                "assurance": "medium",
                "wait_for_all": True,
                "due": "1bd",
                "escalate": [{"after": "1h", "to": ["user:gus", "user:eli"]}],
            },
            {"name": "s1", "who": "group:blue", "pick": "2 by round_robin", "quiet": ["user:fay"], "material": ["x"]},
        ],
        "edit": ["x"],
        "beneficiary": "{{ben}}",
    },
    {  # rules that are watched, an emergency, nobody at first
        "stages": [
            {"name": "s0", "who": "group:none", "escalate": [{"after": "20m", "to": "{{who}}"}], "due": "2bh"},
            {"name": "s1", "who": "group:red", "escalate": [{"after": "1h", "how": "decide", "outcome": "rejected"}]},
        ],
        "auto": [{"if": "x < 5", "outcome": "approved"}],
        "shadow": True,
        "break_glass": {"who": ["group:green"], "review": {"who": ["user:hal"]}},
        "cooling_off": "30m",
    },
]
"""Questions in which much can happen, for chance alone seldom writes them."""


def put(document: dict[str, object]) -> Ask:
    """Return a document as an ask; one that is not allowed is a mistake of whoever drew it."""
    try:
        return Ask.model_validate({"title": "Go {{x}}?", "outcomes": OUTCOMES, **document})
    except ValidationError as error:
        raise AssertionError(str(error)) from error


def silent(document: dict[str, object]) -> dict[str, object]:
    """Let silence approve where it is written."""
    stages = document["stages"]
    if isinstance(stages, list):
        for entry in stages:
            inner = entry.get("parallel", [entry])
            for stage in inner:
                stage.setdefault("at_due_positive", True)
    return document


@st.composite
def ask(draw: st.DrawFn) -> Ask:
    """Draw a question: one of the rich ones, or anything."""
    if draw(st.booleans()):
        return put(silent(draw(st.sampled_from(RICH))))
    return draw(anything())


@st.composite
def anything(draw: st.DrawFn) -> Ask:
    """Draw a question with any mixture of keys."""
    keys: dict[str, st.SearchStrategy[object]] = {
        "comment": st.sampled_from(["optional", "required", "on_reject"]),
        "beneficiary": st.just("{{ben}}"),
        "author": st.sampled_from(["dee", "user:eli"]),
        "rework": st.sampled_from([1, 2]),
        "cooling_off": st.sampled_from(["30m", "1bh"]),
        "form": st.just({"n": {"type": "integer", "optional": True}}),
        "edit": st.just(["x", "who"]),
        "material": st.just(["x"]),
        "break_glass": st.just({"who": ["group:green"], "review": {"who": ["user:hal"]}}),
        "subject": st.just("host {{x}}"),
        "quiet": st.just(True),
        "weights": weights,
        "auto": st.lists(
            st.fixed_dictionaries({"if": condition, "outcome": st.sampled_from(["approved", "later"])}),
            min_size=1,
            max_size=2,
        ),
    }
    found: dict[str, object] = {}
    often = draw(st.lists(st.sampled_from(["material", "edit", "rework", "cooling_off"]), unique=True))
    for key in sorted({*draw(st.lists(st.sampled_from(sorted(keys)), max_size=4, unique=True)), *often}):
        found[key] = draw(keys[key])
    if "auto" in found and draw(st.booleans()):
        found |= draw(st.sampled_from([{"shadow": True}, {"sample": "50%"}]))
    if draw(st.integers(0, 4)):
        found["stages"] = draw(entries())
    else:
        first = {"if": draw(condition), "stages": draw(entries())}
        second = {"stages": draw(st.one_of(st.just(first["stages"]), entries()))}
        found["stages"] = {"route": {"hit": draw(st.sampled_from(["first", "all"])), "rows": [first, second]}}
    return put(found)


def away(number: int, person: str, substitute: str | None, begins: datetime, hours: int, terms: str) -> Absence:
    """Return an absence, perhaps from some requests alone."""
    conditions: dict[str, dict[str, object]] = {
        "all": {},
        "flow": {"flow": "finance.*"},
        "large": {"if": "x > 4"},
    }
    until = begins + timedelta(hours=hours)
    document = {"id": str(number), "person": person, "substitute": substitute, "since": begins, "until": until}
    return Absence.model_validate({**document, **conditions[terms]})
