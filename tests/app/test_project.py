"""The project loader: authors' code under one package name, errors that name the file."""

import sys
from pathlib import Path

import pytest

from hitl_temporal.app.connectors import CONNECTORS
from hitl_temporal.app.project import PACKAGE, ProjectError, load_code

ROOT = Path(__file__).parents[2]
ACTIVITY = """
from temporalio import activity
from . import shared

@activity.defn(name="{name}")
async def run() -> str:
    return shared.WORD
"""


def make(root: Path, **files: str) -> Path:
    """Write a project; `__` in a name is a folder."""
    for name, text in {"activities__shared": "WORD = 'one'", **files}.items():
        file = root / (name.replace("__", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_reference_project_registers_its_code() -> None:
    """The reference project has the firewall's and the accounts' activities and one Python workflow."""
    code = load_code(ROOT)
    assert code.activity_names >= {"firewall.assess", "firewall.apply", "firewall.remove", "accounts.list"}
    assert [w.__name__ for w in code.workflows] == ["QuarterlyAccessReview"]


def test_relative_imports_work_and_helpers_are_no_activities(tmp_path: Path) -> None:
    """Modules may import each other; only what carries a definition is registered, once."""
    code = load_code(make(tmp_path, activities__one=ACTIVITY.format(name="one.run")))
    assert code.activity_names == {"one.run", *CONNECTORS}


def test_second_project_replaces_the_first(tmp_path: Path) -> None:
    """Loading another project forgets the modules of the first."""
    load_code(make(tmp_path / "a", activities__one=ACTIVITY.format(name="a.run")))
    code = load_code(make(tmp_path / "b", activities__one=ACTIVITY.format(name="b.run")))
    assert code.activity_names == {"b.run", *CONNECTORS}
    assert str(tmp_path / "b") in str(sys.modules[f"{PACKAGE}.activities.one"].__file__)


def test_broken_module_is_named(tmp_path: Path) -> None:
    """A module that fails at import is named with what it said."""
    with pytest.raises(ProjectError, match=r"broken\.py: ZeroDivisionError"):
        load_code(make(tmp_path, activities__broken="1 / 0"))


def test_two_activities_of_one_name_are_refused(tmp_path: Path) -> None:
    """Which of two activities would run must not depend on the order of files."""
    one = ACTIVITY.format(name="same.name")
    with pytest.raises(ProjectError, match=r"same\.name"):
        load_code(make(tmp_path, activities__a=one, activities__b=one))


def test_folder_without_code_is_an_empty_project(tmp_path: Path) -> None:
    """A folder that holds no project registers nothing: `validate` says what is missing."""
    assert load_code(tmp_path) == ((), ())
