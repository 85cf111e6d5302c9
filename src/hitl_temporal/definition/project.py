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
from .lint import Surroundings, lint, lint_people, lint_site
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


def load_project(root: Path, activities: frozenset[str] | None = None) -> Project:
    """Load everything below `root / "workflows"`.

    Args:
        root: The project's folder.
        activities: The names that the worker has registered; None: `call` is not checked against them.
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
    )
    flows: dict[str, Flow] = {}
    sources: dict[str, Source] = {}
    left_out: dict[str, _Problems] = {}
    for file in sorted(folder.glob(f"*/{FLOW_FILE}")):
        flow, more = load_flow(file, around)
        problems += more
        if flow is None:
            left_out[file.parent.name] = tuple(p for p in more if p.severity == "error")
        else:
            flows[flow.flow] = flow
            sources[flow.flow] = Source(file=str(file), digest=flow.digest)
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
    document, problems = read(path)
    if document is None:
        return None, problems
    return _flow(document, around or Surroundings(), path.resolve().parent.name)


def load_text(text: str, name: str, around: Surroundings | None = None) -> tuple[Flow | None, _Problems]:
    """Load a flow out of a text; problems name it as `name`."""
    document, problems = parse(text, name)
    if document is None:
        return None, problems
    return _flow(document, around or Surroundings())


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


def _flow(document: Document, around: Surroundings, folder: str | None = None) -> tuple[Flow | None, _Problems]:
    if document.data is None:
        return None, (document.problem((), "the document is empty", "write at least `flow` and `steps`"),)
    flow, problems = _modelled(document, Flow)
    if flow is not None:
        problems += lint(flow, document, around)
        if folder is not None and folder != flow.flow:
            message = f"the flow {flow.flow!r} lies in the folder {folder!r}"
            problems += (document.problem(("flow",), message, "give both the same name"),)
        flow, more = with_tables(flow, document, around)
        problems += more
    return (None if has_errors(problems) else flow), problems


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
