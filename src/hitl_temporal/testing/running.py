"""Scenarios of a project, run: each with what it says and what came out otherwise, by file and line.

Must not know: who wants to know, how it is printed.
"""

import functools
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from hitl_temporal.definition.inputs import check_inputs
from hitl_temporal.definition.problems import Problem
from hitl_temporal.definition.project import FLOW_FILE, Project, load_project
from hitl_temporal.definition.scenarios import FOLDER, Written, load_scenario, scenario_files
from hitl_temporal.domain.calendar import Calendar, CalendarDocument
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.simulation.playing import play
from hitl_temporal.domain.simulation.setting import Setting
from hitl_temporal.domain.value import Value
from hitl_temporal.effects import calendars
from hitl_temporal.ports import PermanentError

__all__ = ["Run", "find", "run_all", "run_file", "run_written", "setting_of"]

WORKFLOWS = "workflows"


class Run(Value):
    """One scenario that was run.

    Attributes:
        file: As it was reached.
        name: What it tells; the file's name where it can't be read.
        problems: What is wrong with it, or came out otherwise; empty: it has passed.
        hints: What was done in it and did not count, which may explain that.
    """

    file: str
    name: str
    problems: tuple[Problem, ...] = ()
    hints: tuple[Problem, ...] = ()

    @property
    def has_passed(self) -> bool:
        """Whether everything came out as it says."""
        return not self.problems


def find(path: Path) -> tuple[Path, ...]:
    """Return the files of scenarios at or below a path; of a project, those of its flows."""
    folder = path / WORKFLOWS
    return scenario_files(folder if folder.is_dir() else path)


def run_all(files: tuple[Path, ...]) -> Iterator[Run]:
    """Run scenarios one after the other; each project is loaded once."""
    projects: dict[Path, Project] = {}
    for file in files:
        root = project_of(file)
        if root is None:
            problem = Problem(path=str(file), message="this lies in no project", mend="put it below `workflows/`")
            yield Run(file=str(file), name=file.stem, problems=(problem,))
            continue
        if root not in projects:
            projects[root] = load_project(root)
        yield run_file(file, projects[root])


def project_of(file: Path) -> Path | None:
    """Return the project in which a scenario lies, None if it lies in none."""
    return next((folder.parent for folder in file.resolve().parents if folder.name == WORKFLOWS), None)


def run_file(file: Path, project: Project) -> Run:
    """Run one scenario of a project."""
    name = _flow_of(file)
    if name not in project.flows:
        return Run(file=str(file), name=file.stem, problems=_missing(file, name, project))
    flow = project.flows[name]
    written, problems = load_scenario(file, flow, project.flows)
    if written is None:
        return Run(file=str(file), name=file.stem, problems=problems)
    return run_written(written, flow, project)


def run_written(written: Written, flow: Flow, project: Project) -> Run:
    """Run a scenario that was read."""
    scenario = written.scenario
    try:
        setting = setting_of(project, scenario.given.at.date())
    except PermanentError as error:
        return Run(file=written.file, name=scenario.scenario, problems=(written.problem((), str(error)),))
    played = play(scenario, flow, setting)
    problems = tuple(written.problem(d.at, d.message) for d in played.differences)
    hints = tuple(written.problem(d.at, d.message) for d in played.refused) if problems else ()
    return Run(file=written.file, name=scenario.scenario, problems=problems, hints=hints)


def setting_of(project: Project, day: date) -> Setting:
    """Return a project as the setting of a run that begins on a day.

    Raises:
        PermanentError: A calendar can't be built.
    """
    return Setting(
        flows=project.flows,
        people=project.people,
        calendars=_calendars(project, day),
        resources={name: resource.units for name, resource in project.site.resources.items()},
        check=check_inputs,
    )


def _flow_of(file: Path) -> str:
    folder = file.resolve().parent
    return folder.parent.name if folder.name == FOLDER else folder.name


def _missing(file: Path, name: str, project: Project) -> tuple[Problem, ...]:
    """Return why there is no flow to run a scenario of."""
    wrong = project.left_out.get(name, ())
    return wrong or (Problem(path=str(file), message=f"there is no flow {name!r}", mend=f"write {name}/{FLOW_FILE}"),)


def _calendars(project: Project, day: date) -> dict[str, Calendar]:
    """Return the calendars of the site as they are on a day.

    Raises:
        PermanentError: One can't be built.
    """
    site = project.site.calendars
    found = {name: _built(name, document.model_dump_json(), day.year) for name, document in site.by_name.items()}
    return {**found, "default": found[site.default]} if site.default in found else found


@functools.lru_cache(maxsize=64)
def _built(name: str, document: str, year: int) -> Calendar:
    """Return a calendar; it is the same all through a year, and every scenario asks for it."""
    return calendars.build(name, CalendarDocument.model_validate_json(document), date(year, 1, 1))
