"""docs/patterns.md says of every control-flow pattern whether it can be expressed, and how; what it shows is played."""

import re
from pathlib import Path

import pytest

from hitl_temporal.definition.project import Project, load_flow, load_people, load_site
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.people import People
from hitl_temporal.testing.running import find, run_file

HERE = Path(__file__).parent
PAGE = (Path(__file__).parents[2] / "docs" / "patterns.md").read_text(encoding="utf-8")
LOADED = {file.parent.name: load_flow(file) for file in sorted(HERE.glob("*/flow.yaml"))}
PROJECT = Project(
    flows={name: flow for name, (flow, _) in LOADED.items() if flow is not None},
    left_out={name: problems for name, (flow, problems) in LOADED.items() if flow is None},
    people=load_people(HERE / "people.yaml")[0] or People(),
    site=load_site(HERE / "site.yaml")[0] or Site(),
)
SECTION = re.compile(
    r"^## WCP-([0-9]+) (.+?)\n\n\*(yes|partly|no)\*: (.+?)\n(?:\n```yaml\n(.+?)```\n)?", re.MULTILINE | re.DOTALL
)
SECTIONS = [(int(n), name, verdict, document) for n, name, verdict, _, document in SECTION.findall(PAGE)]


@pytest.mark.parametrize("file", find(HERE), ids=lambda f: f"{f.parent.parent.name}/{f.stem}")
def test_a_pattern_does_what_it_says(file: Path) -> None:
    """Played on the pure core."""
    run = run_file(file, PROJECT)
    assert [str(p) for p in run.problems] == [], run.hints


@pytest.mark.parametrize("name", LOADED)
def test_a_pattern_is_a_sound_document(name: str) -> None:
    """Without a warning, too."""
    assert [str(p) for p in LOADED[name][1]] == []


def test_all_patterns_are_on_the_page_in_their_order() -> None:
    """The 43 of the revised view, in the sections and in the table."""
    assert [number for number, *_ in SECTIONS] == list(range(1, 44))
    rows = re.findall(r"^\| ([0-9]+) \| (.+?) \| (yes|partly|no) \|$", PAGE, re.MULTILINE)
    assert rows == [(str(number), name, verdict) for number, name, verdict, _ in SECTIONS]
    counted = {word: sum(verdict == word for _, _, verdict, _ in SECTIONS) for word in ("yes", "partly", "no")}
    assert f"{counted['yes']} can be said, {counted['partly']} partly, {counted['no']} not." in PAGE


def test_what_can_be_said_is_shown_and_played() -> None:
    """The document on the page is the one that is played, with a scenario at least; what can't be said has none."""
    for number, _, verdict, document in SECTIONS:
        folders = [*HERE.glob(f"wcp{number:02d}_*")]
        if verdict == "no":
            assert (folders, document) == ([], "")
            continue
        (folder,) = folders
        assert (folder / "flow.yaml").read_text(encoding="utf-8") == document
        assert find(folder)
