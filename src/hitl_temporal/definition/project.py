"""Load a project: the flows, people and site below its folder `workflows/`.

Must not know: Temporal, settings, who asks for it.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from pydantic import Field, ValidationError

from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People
from hitl_temporal.domain.value import Json, Value

from .documents import Document, parse, read
from .lint import Signatures, Surroundings, check_sound, lint, lint_matches, lint_people, lint_site
from .problems import Problem, has_errors
from .routes import with_tables
from .site import Site
from .translate import translate
from .vocabulary import SITE_WITHOUT_EFFECT

__all__ = ["FLOW_FILE", "Project", "Source", "load_flow", "load_people", "load_project", "load_site", "load_text"]

FLOW_FILE = "flow.yaml"

_Problems = tuple[Problem, ...]
_Model = TypeVar("_Model", bound=Value)


class Source(Value):
    """Where a flow came from.

    Attributes:
        file: As it was reached.
        digest: Names this very definition.
    """

    file: str
    digest: str


class Project(Value):
    """A project as far as it is sound: a flow or a route with an error is left out, the others are here.

    Attributes:
        flows: By name, in the order of the folders; the routes that they name are in them.
        sources: One entry per flow.
        left_out: What keeps a flow out, by its folder.
        people: The directory; empty when people.yaml is missing or has an error, so that nobody is taken for another.
        site: Empty when site.yaml is missing or has an error beside its routes.
        has_site: False when `site` is empty because of an error.
        problems: Everything that is wrong, each once, by file and line.
    """

    flows: dict[str, Flow] = Field(default_factory=dict[str, Flow])
    sources: dict[str, Source] = Field(default_factory=dict[str, Source])
    left_out: dict[str, tuple[Problem, ...]] = Field(default_factory=dict[str, tuple[Problem, ...]])
    people: People = People()
    site: Site = Site()
    has_site: bool = True
    problems: tuple[Problem, ...] = ()

    @property
    def has_errors(self) -> bool:
        """Whether something had to be left out."""
        return has_errors(self.problems)


def load_project(root: Path, activities: Signatures | None = None) -> Project:
    """Load everything below `root / "workflows"`.

    Args:
        root: The project's folder.
        activities: What the worker has registered; None: `call` is not checked against it.
    """
    folder = root / "workflows"
    if not folder.is_dir():
        problem = Problem(path=str(folder), message="there is no such folder", mend="name the folder of a project")
        return Project(problems=(problem,))
    people, problems = load_people(folder / "people.yaml")
    read_site = _read_site(folder / "site.yaml", people)
    problems += read_site.problems
    around = Surroundings(
        people=people,
        site=read_site.site,
        site_document=read_site.document,
        unsound_routes=read_site.unsound,
        activities=activities,
        resources=_resources(read_site.site),
        has_script=lambda script: _has_script(root, script),
    )
    written = tuple(_read_flow(file) for file in sorted(folder.glob(f"*/{FLOW_FILE}")))
    # Before any is looked at closely: a flow may do one that comes later, or itself.
    around = around.but(flows={one.name: one.flow for one in written})
    flows: dict[str, Flow] = {}
    sources: dict[str, Source] = {}
    left_out: dict[str, _Problems] = {}
    for one in _without_unsound(tuple(_looked_at(one, around) for one in written)):
        problems += one.problems
        if one.flow is None:
            left_out[one.folder] = tuple(p for p in one.problems if p.severity == "error")
        else:
            flows[one.name] = one.flow
            sources[one.name] = Source(file=str(one.file), digest=one.flow.digest)
    if read_site.site is not None and read_site.document is not None:
        problems += tuple(lint_matches(read_site.site, read_site.document, {*flows, *left_out}))
    return Project(
        flows=flows,
        sources=sources,
        left_out=left_out,
        people=people or People(),
        site=read_site.site or Site(),
        has_site=read_site.site is not None,
        # What is wrong with a route keeps out every flow that goes by it, and is one mistake all the same.
        problems=tuple(dict.fromkeys(problems)),
    )


def load_flow(path: Path, around: Surroundings | None = None) -> tuple[Flow | None, _Problems]:
    """Load `workflows/<name>/flow.yaml`; no flow when anything about it is an error.

    Args:
        path: The file; its folder bears the flow's name.
        around: What the flow may refer to; None: references out of the file are not checked.
    """
    one = _looked_at(_read_flow(path), around or Surroundings())
    return one.flow, one.problems


def load_text(text: str, name: str, around: Surroundings | None = None) -> tuple[Flow | None, _Problems]:
    """Load a flow out of a text; problems name it as `name`."""
    document, problems = parse(text, name)
    if document is None:
        return None, problems
    flow, problems = _modelled_flow(document)
    return (None, problems) if flow is None else _checked(flow, document, around or Surroundings())


def load_people(path: Path) -> tuple[People | None, _Problems]:
    """Load people.yaml; None when it has an error or is not there, since the directory may be kept elsewhere."""
    if not path.exists():
        return None, ()
    document, problems = read(path)
    if document is None:
        return None, problems
    people, problems = _modelled(_or_nothing(document), People)
    if people is not None:
        problems += lint_people(people, document)
    return (None if has_errors(problems) else people), problems


def load_site(path: Path, people: People | None = None) -> tuple[Site | None, _Problems]:
    """Load site.yaml, its sound routes alone; None when it has another error, empty when there is no such file.

    Args:
        path: The file.
        people: Whom its routes may name; None: that is not checked.
    """
    found = _read_site(path, people)
    return found.site, found.problems


class _ReadSite(NamedTuple):
    """What came of reading site.yaml.

    Attributes:
        site: Without its unsound routes; None when anything else is an error.
        unsound: What is an error in a route, by its name.
        problems: Everything that is wrong.
    """

    site: Site | None
    document: Document | None = None
    unsound: Mapping[str, _Problems] = MappingProxyType({})
    problems: _Problems = ()


def _read_site(path: Path, people: People | None) -> _ReadSite:
    if not path.exists():
        return _ReadSite(Site())
    document, problems = read(path)
    if document is None:
        return _ReadSite(None, problems=problems)
    document, idle = _without_idle_keys(_or_nothing(document))
    site, problems = _modelled(document, Site)
    if site is None:
        return _ReadSite(None, document, problems=(*idle, *problems))
    found = lint_site(site, document, people)
    unsound = {name: tuple(p for p in told if p.severity == "error") for name, told in found.routes.items()}
    unsound = {name: errors for name, errors in unsound.items() if errors}
    sound = site.but(routes={name: table for name, table in site.routes.items() if name not in unsound})
    problems = (*idle, *found.general, *(p for told in found.routes.values() for p in told))
    return _ReadSite(None if has_errors(found.general) else sound, document, unsound, problems)


class _ReadFlow(NamedTuple):
    """What came of reading a flow.yaml.

    Attributes:
        file: As it was reached.
        document: What it says; None when it is no document.
        flow: None when anything about it is an error, as far as it has been looked at.
        problems: Everything that is wrong, as far as it has been looked at.
        name: The flow's; of one that is no flow, the folder's, which should be the same.
    """

    file: Path
    document: Document | None
    flow: Flow | None
    problems: _Problems
    name: str

    @property
    def folder(self) -> str:
        """The folder that it lies in."""
        return self.file.resolve().parent.name


def _read_flow(file: Path) -> _ReadFlow:
    document, problems = read(file)
    flow = None
    if document is not None:
        flow, problems = _modelled_flow(document)
    return _ReadFlow(file, document, flow, problems, file.resolve().parent.name if flow is None else flow.flow)


def _looked_at(one: _ReadFlow, around: Surroundings) -> _ReadFlow:
    """Return a flow after it has been held against what it refers to."""
    if one.flow is None or one.document is None:
        return one
    flow, problems = _checked(one.flow, one.document, around, one.folder)
    return one._replace(flow=flow, problems=problems)


def _without_unsound(flows: tuple[_ReadFlow, ...]) -> tuple[_ReadFlow, ...]:
    """Return flows without those that do one which is left out: they could not be started either."""
    unsound, before = frozenset(one.name for one in flows if one.flow is None), frozenset[str]()
    while unsound != before:
        flows = tuple(_after_others(one, unsound) for one in flows)
        unsound, before = frozenset(one.name for one in flows if one.flow is None), unsound
    return flows


def _after_others(one: _ReadFlow, unsound: frozenset[str]) -> _ReadFlow:
    if one.flow is None or one.document is None:
        return one
    problems = tuple(check_sound(one.flow, one.document, unsound))
    return one._replace(flow=None, problems=(*one.problems, *problems)) if problems else one


def _modelled_flow(document: Document) -> tuple[Flow | None, _Problems]:
    if document.data is None:
        return None, (document.problem((), "the document is empty", "write at least `flow` and `steps`"),)
    return _modelled(document, Flow)


def _checked(
    flow: Flow, document: Document, around: Surroundings, folder: str | None = None
) -> tuple[Flow | None, _Problems]:
    """Return a flow with the tables that it names in it, and what is wrong with it in its surroundings."""
    problems = lint(flow, document, around)
    if folder is not None and folder != flow.flow:
        message = f"the flow {flow.flow!r} lies in the folder {folder!r}"
        problems += (document.problem(("flow",), message, "give both the same name"),)
    flow, more = with_tables(flow, document, around)
    problems += more
    return (None if has_errors(problems) else flow), problems


def _resources(site: Site | None) -> Mapping[str, int] | None:
    """Return how many units a site has of each resource, None when there is no sound site."""
    return None if site is None else {name: resource.units for name, resource in site.resources.items()}


def _has_script(root: Path, script: str) -> bool:
    """Tell whether a file is there, in the project's folder."""
    file = (root / script).resolve()
    return file.is_relative_to(root.resolve()) and file.is_file()


def _modelled(document: Document, model: type[_Model]) -> tuple[_Model | None, _Problems]:
    try:
        # Only the keys of the documents count: the names that the models give them in Python are no second spelling.
        return model.model_validate(document.data, by_alias=True, by_name=False), ()
    except ValidationError as error:
        return None, translate(error, document, model)


def _or_nothing(document: Document) -> Document:
    """Return a document that says nothing as one that says `{}`: with everything commented out it is no mistake."""
    return Document(document.path, {}, document.positions) if document.data is None else document


def _without_idle_keys(document: Document) -> tuple[Document, _Problems]:
    if not isinstance(document.data, dict):
        return document, ()
    message, mend = "is not supported by this version", "it has no effect"
    idle = SITE_WITHOUT_EFFECT & document.data.keys()
    rest: Json = {key: value for key, value in document.data.items() if key not in idle}
    problems = [document.problem((key,), f"`{key}` {message}", mend, "warning") for key in document.data if key in idle]
    return Document(document.path, rest, document.positions), tuple(problems)
