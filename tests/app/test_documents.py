"""Documents as ports: read again when a file changes, honest about what is wrong."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hitl_temporal.app.documents import Documents
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.ports import InvalidInputError, TemporaryError, UnknownFlowError

ROOT = Path(__file__).parents[2]
if TYPE_CHECKING:
    from hitl_temporal.domain.value import Json

FLOW = "flow: hello\nsteps:\n  - {id: only, wait: {for: %s}}\n"


def project(root: Path, flow: str) -> Documents:
    """Write a project of one flow."""
    file = root / "workflows" / "hello" / "flow.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(flow)
    os.utime(file, ns=(hash(flow) % 10**9, hash(flow) % 10**9))
    return Documents(root)


async def test_changed_file_is_read_again(tmp_path: Path) -> None:
    """A mended document needs no restart."""
    documents = project(tmp_path, FLOW % "1h")
    before = (await documents.flow("hello")).digest
    project(tmp_path, FLOW % "2h")
    assert (await documents.flow("hello")).digest != before


async def test_wrong_document_is_an_unknown_flow_that_says_why(tmp_path: Path) -> None:
    """A flow with errors does not run; the error has file, line and mend."""
    with pytest.raises(UnknownFlowError, match=r"flow\.yaml:3"):
        await project(tmp_path, FLOW % "soon").flow("hello")


async def test_unknown_flow_lists_the_known(tmp_path: Path) -> None:
    """A typo is answered with the names there are."""
    with pytest.raises(UnknownFlowError, match="known: hello"):
        await project(tmp_path, FLOW % "1h").flow("helo")


async def test_inputs_are_checked_and_completed() -> None:
    """Loading checks inputs, completes defaults, and brings the calendars that the flow names."""
    documents = Documents(ROOT)
    loaded = await documents.load("firewall_change", {"source": "10.0.0.0/24", "port": 443})
    assert loaded.inputs["days"] == 30
    assert set(loaded.calendars) == {"default", "office-nl"}
    with pytest.raises(InvalidInputError, match="port"):
        await documents.load("firewall_change", {"source": "10.0.0.0/24", "port": 0})


async def test_directory_knows_the_people_the_contract_names() -> None:
    """The reference directory has its seven people, their manager, groups and roles."""
    documents = Documents(ROOT)
    roster = await documents.read(["manager:user:ann", "group:secops", "role:admin", "group:employees"], [])
    assert roster.members["manager:user:ann"] == ("bob",)
    assert roster.members["group:secops"] == ("cai", "dee")
    assert roster.members["role:admin"] == ("eli",)
    assert set(roster.members["group:employees"]) == {"ann", "bob", "cai", "dee", "eli", "fay", "gus"}
    assert await documents.groups_of("fay") == ("controllers", "employees", "finance")
    assert [await documents.zone_of(p) for p in ("dee", "nobody")] == ["Europe/London", "UTC"]


async def test_broken_directory_is_not_an_empty_one(tmp_path: Path) -> None:
    """While people.yaml has an error nothing is judged on it: whoever asks is told the line, and waits."""
    documents = project(tmp_path, FLOW % "1h")
    people = tmp_path / "workflows" / "people.yaml"
    with pytest.raises(TemporaryError, match="missing"):
        await documents.read(["user:bob"], [])
    people.write_text("people: [")
    with pytest.raises(TemporaryError, match=r"people\.yaml:1"):
        await documents.groups_of("bob")
    people.write_text("people: {bob: {name: Bob}}")
    assert (await documents.read(["user:bob"], [])).members == {"user:bob": ("bob",)}


async def test_broken_site_gives_no_calendar_at_all(tmp_path: Path) -> None:
    """While site.yaml has an error no deadline is planned in another calendar."""
    documents = project(tmp_path, FLOW % "1h")
    (tmp_path / "workflows" / "site.yaml").write_text("calendars: {default: zz}")
    with pytest.raises(TemporaryError, match=r"site\.yaml:1"):
        await documents.calendars(["default"])


ROUTED = "flow: hello\nsteps:\n  - {id: only, ask: {title: May I?, stages: {route: %s}}}\n"
SITE = """
calendars: {default: nl, nl: {tz: Europe/Amsterdam}}
routes:
  sound: {rows: [{stages: [{who: user:bob, due: 1d}]}]}
  unsound: {rows: [{stages: [{who: user:bo, due: 1d}]}]}
"""


async def test_mistake_in_a_route_keeps_out_what_goes_by_it_and_nothing_else(tmp_path: Path) -> None:
    """The flow says why it is out; calendars and other routes are there; who asks for the route itself waits."""
    documents = project(tmp_path, ROUTED % "unsound")
    (tmp_path / "workflows" / "people.yaml").write_text("people: {bob: {name: Bob}}")
    (tmp_path / "workflows" / "site.yaml").write_text(SITE)
    with pytest.raises(UnknownFlowError, match=r"site\.yaml:5: unknown user 'bo'"):
        await documents.flow("hello")
    assert set(await documents.calendars(["default"])) == {"default"}
    assert await documents.route("sound") is not None
    with pytest.raises(TemporaryError, match=r"site\.yaml:5"):
        await documents.route("unsound")


async def test_a_resource_is_as_the_site_has_it_now(tmp_path: Path) -> None:
    """One that is not there is none; while the site is broken nobody is told that there is none."""
    documents = project(tmp_path, FLOW % "1h")
    site = tmp_path / "workflows" / "site.yaml"
    assert await documents.resource("sap-dialog") is None
    site.write_text("resources: {sap-dialog: {units: 4}}\n")
    found = await documents.resource("sap-dialog")
    assert found is not None
    assert found.units == 4
    assert await documents.resource("sap") is None
    site.write_text("resources: {sap-dialog: {units: four}}\n")
    with pytest.raises(TemporaryError, match=r"site\.yaml:1"):
        await documents.resource("sap-dialog")


async def test_calendars_that_only_a_route_names_come_with_the_definition(tmp_path: Path) -> None:
    """A run is given the calendars of the stages that it may go through, wherever they are written."""
    documents = project(tmp_path, ROUTED % "sound")
    (tmp_path / "workflows" / "people.yaml").write_text("people: {bob: {name: Bob}}")
    sound = "calendars: {nl: {tz: Europe/Amsterdam}}\nroutes: {sound: {rows: [{stages: [%s]}]}}\n"
    (tmp_path / "workflows" / "site.yaml").write_text(sound % "{who: user:bob, due: 2bd, calendar: nl}")
    assert set((await documents.load("hello", {})).calendars) == {"nl"}


async def test_a_question_from_elsewhere_is_held_against_people_and_site() -> None:
    """As the project's own documents are; a directory that is missing is no empty one."""
    documents = Documents(ROOT)
    written: dict[str, Json] = {"title": "Go?", "who": "group:secops", "due": "1bd", "calendar": "office-nl"}
    assert await documents.faults(Ask.model_validate(written), written) == ()
    wrong = {**written, "who": "group:secop", "calendar": "mars"}
    found = await documents.faults(Ask.model_validate(wrong), wrong)
    assert [f.partition(";")[0] for f in found] == [
        "ask.who: unknown group 'secop'",
        "ask.calendar: unknown calendar 'mars'",
    ]


async def test_nothing_is_held_against_documents_that_are_broken(tmp_path: Path) -> None:
    """Whoever asks waits until they are mended."""
    documents = project(tmp_path, FLOW % "1h")
    (tmp_path / "workflows" / "people.yaml").write_text("people: {cai: {name: Cai}}")
    written: dict[str, Json] = {"title": "Go?", "who": "user:cai"}
    ask = Ask.model_validate(written)
    assert await documents.faults(ask, written) == ()
    (tmp_path / "workflows" / "site.yaml").write_text("calendars: 5")
    with pytest.raises(TemporaryError, match=r"site\.yaml"):
        await documents.faults(ask, written)


async def test_a_flow_is_loaded_with_the_alert_routes_that_it_names(tmp_path: Path) -> None:
    """As the site has them now; others stay where they are."""
    flow = "flow: hello\non_parked: duty\nowner: user:ann\nexpect: {finish_by: 2h, route: late}\nsteps:\n"
    documents = project(tmp_path, flow + "  - {id: only, wait: {for: 1h}}\n")
    entries = "[{to: user:ann}, {to: user:ann, after: 30m}]"
    site = f"notify: {{duty: {entries}, late: [{{to: user:ann}}], other: {entries}}}\n"
    (tmp_path / "workflows" / "site.yaml").write_text(site)
    (tmp_path / "workflows" / "people.yaml").write_text("people: {ann: {name: Ann}}\n")
    loaded = await documents.load("hello", {})
    assert {name: len(route) for name, route in loaded.notify.items()} == {"duty": 2, "late": 1}
    assert loaded.notify["duty"][1].after == "30m"
