"""Who a selector names, and what an approval knows of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.domain.people import Card, Group, People, Person, Roster, bind, is_selector, selector_list
from hitl_temporal.domain.value import Json

PEOPLE = People.model_validate(
    {
        "people": {
            "ann": {"name": "Ann", "manager": "bob", "roles": ["admin"]},
            "bob": {"name": "Bob", "manager": "gone", "via": ["chat"], "tz": "Europe/Amsterdam"},
            "zoe": {"name": "Zoe", "active": False, "roles": ["admin"]},
            "requester": {"name": "Rex", "manager": "ann"},
        },
        "groups": {
            "a": {"members": ["zoe", "ann", "ghost", "ann"]},
            "b": {"members": ["bob", "group:a"]},
            "round": {"members": ["group:trip", "ann"]},
            "trip": {"members": ["group:round", "bob"]},
            "with:colon": {"members": ["ann"]},
        },
        "owners": {"erp": "group:b", "hr": "user:ann", "me": "owner:me", "it": "owner:hr", "odd": "nonsense"},
    }
)


@pytest.mark.parametrize(
    ("selector", "people"),
    [
        ("user:ann", ("ann",)),
        ("user:ghost", ()),
        ("group:a", ("zoe", "ann")),
        ("group:b", ("bob", "zoe", "ann")),
        ("group:with:colon", ("ann",)),
        ("group:unknown", ()),
        ("role:admin", ("ann", "zoe")),
        ("role:none", ()),
        ("owner:erp", ("bob", "zoe", "ann")),
        ("owner:hr", ("ann",)),
        ("owner:unknown", ()),
        ("manager:user:ann", ("bob",)),
        ("manager:user:bob", ()),
        ("manager:user:zoe", ()),
        ("manager:user:system:client", ()),
        ("manager:requester", ()),
        ("nonsense", ()),
        ("", ()),
    ],
)
def test_a_selector_names_known_people_in_order(selector: str, people: tuple[str, ...]) -> None:
    """Inactive ones included; unknown names give nobody; `manager:requester` must be bound first."""
    assert PEOPLE.resolve(selector) == people


def test_circles_end() -> None:
    """Groups that hold each other give their people once; an owner that is an owner gives nobody."""
    assert PEOPLE.resolve("group:round") == ("bob", "ann")
    assert [PEOPLE.resolve(f"owner:{name}") for name in ("me", "it", "odd")] == [(), (), ()]


def test_deep_nesting_costs_no_more_than_its_groups() -> None:
    """Each group is looked at once, however many ways lead to it."""
    groups = {f"g{n}": Group(members=(f"group:g{n + 1}", f"group:g{n + 1}")) for n in range(60)}
    people = People(people={"ann": Person(name="Ann")}, groups={**groups, "g60": Group(members=("ann",))})
    assert people.resolve("group:g0") == ("ann",)


def test_groups_of_a_person_include_outer_ones() -> None:
    """Who is in a nested group is in those around it."""
    assert PEOPLE.groups_of("ann") == ("a", "b", "round", "trip", "with:colon")
    assert PEOPLE.groups_of("nobody") == ()


def test_a_person_lives_in_a_time_zone() -> None:
    """In UTC when nothing else is said, also who is unknown."""
    assert [PEOPLE.zone_of(p) for p in ("bob", "ann", "nobody")] == ["Europe/Amsterdam", "UTC", "UTC"]


def test_a_roster_is_what_one_approval_needs() -> None:
    """The selectors' people, and the cards of them and of those asked for by id; the unknown have none."""
    roster = PEOPLE.roster(["group:a", "user:ghost"], ["bob", "ghost"])
    assert roster.members == {"group:a": ("zoe", "ann"), "user:ghost": ()}
    assert list(roster.cards) == ["zoe", "ann", "bob"]
    assert roster.cards["bob"] == Card(name="Bob", via=("chat",))
    assert [roster.is_active(p) for p in ("ann", "zoe", "ghost")] == [True, False, False]


def test_a_roster_names_each_person_once() -> None:
    """In the order of the selectors; a selector that was not asked for names nobody."""
    roster = Roster(members={"group:a": ("x", "y"), "user:y": ("y",), "role:r": ("z", "x")})
    assert roster.named_by(["user:y", "group:a", "group:other", "role:r"]) == ("y", "x", "z")


def test_the_requesters_manager_is_bound_to_a_name() -> None:
    """Other selectors stay as they are."""
    assert bind("manager:requester", "ann") == "manager:user:ann"
    assert bind("manager:user:bob", "ann") == "manager:user:bob"


@pytest.mark.parametrize(
    ("value", "selectors"),
    [
        ("user:ann", ("user:ann",)),
        (["user:ann", "group:b"], ("user:ann", "group:b")),
        ([], ()),
        ("ann", None),
        (["user:ann", 3], None),
        (["user:ann", "ann"], None),
        (None, None),
        ({"user": "ann"}, None),
    ],
)
def test_a_rendered_entry_gives_selectors_or_nothing(value: Json, selectors: tuple[str, ...] | None) -> None:
    """One wrong entry spoils it: half a list of approvers is not what was written."""
    assert selector_list(value) == selectors


@given(st.text(max_size=12), st.sampled_from(["user", "group", "role", "owner", "manager:user"]))
def test_a_selector_has_no_blanks_in_it(name: str, kind: str) -> None:
    """`kind:name` is one exactly when the name is there and has no white space."""
    assert is_selector(f"{kind}:{name}") == (name != "" and name.split() == [name])
