"""The project's documents as ports: a catalogue of definitions and the embedded directory.

Files are read again when one of them has changed, so that a mended document or a new colleague needs no restart; a
run keeps the definition that it was started with.
"""

import asyncio
import functools
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from hitl_temporal.definition.inputs import InputError, check_inputs
from hitl_temporal.definition.lint import Signatures, lint_ask
from hitl_temporal.definition.project import Project, load_project
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.calendar import Calendar, CalendarDocument, CalendarError
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.policies import Policy
from hitl_temporal.domain.people import People, Roster
from hitl_temporal.domain.resources.document import Resource
from hitl_temporal.domain.value import Json
from hitl_temporal.effects import calendars
from hitl_temporal.ports import InvalidInputError, Loaded, TemporaryError, UnknownFlowError

PEOPLE_FILE = "people.yaml"
SITE_FILE = "site.yaml"


class Documents:
    """`Catalogue` and `Directory` over one project folder."""

    def __init__(self, root: Path, activities: Signatures | None = None) -> None:
        """Take the project's folder.

        Args:
            root: The folder that holds `workflows/`.
            activities: What a `call` may name, and what that takes; None: not checked.
        """
        self._root = root
        self._activities = activities
        self._stamp: tuple[object, ...] = ()
        self._project: Project | None = None
        self._lock = asyncio.Lock()

    async def project(self) -> Project:
        """Return the documents as they are on disk now."""
        async with self._lock:
            return await asyncio.to_thread(self._read)

    async def flow(self, name: str) -> Flow:
        """Return one definition.

        Raises:
            UnknownFlowError: There is none of this name, or its document has errors.
        """
        project = await self.project()
        if name in project.flows:
            return project.flows[name]
        wrong = [str(p) for p in project.left_out.get(name, ())]
        if wrong:
            raise UnknownFlowError(f"flow {name!r} has errors: {'; '.join(wrong[:3])}")
        known = ", ".join(sorted(project.flows)) or "none"
        raise UnknownFlowError(f"no flow {name!r}; known: {known}. Add workflows/{name}/flow.yaml or mend the name")

    async def every_flow(self) -> Mapping[str, Flow]:
        """Return every definition that is sound, as it is on disk now."""
        return (await self.project()).flows

    async def load(self, flow: str, inputs: Json, pinned: Flow | None = None) -> Loaded:
        """Return a definition with its calendars, and the inputs checked against it."""
        definition = pinned or await self.flow(flow)
        try:
            checked = check_inputs(definition, inputs)
        except InputError as error:
            raise InvalidInputError(str(error)) from error
        asks = definition.plan.asks
        stages = [stage.calendar for ask in asks for stage in ask.every_stage]
        named = ["default", definition.calendar, *(ask.calendar for ask in asks), *stages]
        calendars = await self.calendars([n for n in dict.fromkeys(named) if n])
        site = (await self.project()).site
        notify = {name: site.notify[name] for name in definition.alert_routes if name in site.notify}
        return Loaded(definition, calendars, checked, {} if pinned else await self._within(definition), notify)

    async def _within(self, definition: Flow) -> dict[str, Flow]:
        """Return the definitions of all runs that a run may start, at any depth."""
        found: dict[str, Flow] = {}
        wanted = [*definition.plan.flows]
        while wanted:
            if (name := wanted.pop()) not in found:
                found[name] = await self.flow(name)
                wanted += found[name].plan.flows
        return found

    async def calendars(self, names: Sequence[str]) -> dict[str, Calendar]:
        """Return those of the named calendars that the site has, two years ahead; `default` is the site's own."""
        project = await self.project()
        if not project.has_site:
            _demand_sound(project, SITE_FILE)
        site = project.site.calendars
        today = datetime.now(UTC).date()
        found: dict[str, Calendar] = {}
        for name in names:
            real = site.default if name == "default" else name
            document = site.by_name.get(real or "")
            if real is None or document is None:
                continue
            try:
                found[name] = await asyncio.to_thread(_built, real, document.model_dump_json(), today.year)
            except CalendarError as error:
                raise TemporaryError(f"calendar {real!r} of site.yaml can't be built: {error}; mend it") from error
        return found

    async def faults(self, ask: Ask, written: Json) -> tuple[str, ...]:
        """Return what `hitl validate` would call an error of this question, beside what it says of its flow."""
        people, project = await self._people(), await self.project()
        if not project.has_site:
            _demand_sound(project, SITE_FILE)
        return lint_ask(ask, written, people, project.site)

    async def route(self, name: str) -> Table | None:
        """Return a decision table of the site as it is now."""
        project = await self.project()
        table = project.site.routes.get(name)
        if table is None:  # It may be one of those that are left out.
            _demand_sound(project, SITE_FILE)
        return table

    async def resource(self, name: str) -> Resource | None:
        """Return a resource of the site as it is now; a broken file is no site without resources."""
        project = await self.project()
        if not project.has_site:
            _demand_sound(project, SITE_FILE)
        return project.site.resources.get(name)

    async def policies(self) -> tuple[Policy, ...]:
        """Return the policies of the site as they are now; a broken file is no site without policies."""
        project = await self.project()
        if not project.has_site:
            _demand_sound(project, SITE_FILE)
        return project.site.policies

    async def read(self, selectors: Sequence[str], people: Sequence[str]) -> Roster:
        """Return who each selector names in people.yaml now."""
        return (await self._people()).roster(selectors, people)

    async def groups_of(self, person: str) -> tuple[str, ...]:
        """Return the groups of people.yaml that hold this person now."""
        return (await self._people()).groups_of(person)

    async def zone_of(self, person: str) -> str:
        """Return the time zone that people.yaml gives this person."""
        return (await self._people()).zone_of(person)

    async def _people(self) -> People:
        """Return the directory; a broken file is no empty directory: whoever asks waits until it is mended."""
        project = await self.project()
        _demand_sound(project, PEOPLE_FILE)
        if not (self._root / "workflows" / PEOPLE_FILE).exists():
            raise TemporaryError(f"{self._root / 'workflows' / PEOPLE_FILE} is missing: nobody can be asked; write it")
        return project.people

    def _read(self) -> Project:
        files = sorted((self._root / "workflows").rglob("*.yaml"))
        stamp = tuple((f, s.st_mtime_ns, s.st_size) for f in files for s in (f.stat(),))
        if self._project is None or stamp != self._stamp:
            self._project, self._stamp = load_project(self._root, self._activities), stamp
        return self._project


@functools.lru_cache(maxsize=64)
def _built(name: str, document: str, year: int) -> Calendar:
    """Return a calendar; it is the same all through a year, and every look at an approval asks for it."""
    return calendars.build(name, CalendarDocument.model_validate_json(document), date(year, 1, 1))


def _demand_sound(project: Project, file: str) -> None:
    """Raise TemporaryError while a file of the project has errors: nothing is judged on what could not be read."""
    wrong = [str(p) for p in project.problems if p.severity == "error" and Path(p.path).name == file]
    if wrong:
        raise TemporaryError("; ".join(wrong[:3]))
