"""The compose file, the Dockerfiles and what they refer to, checked as text: no container engine is needed.

Each check returns the problems it finds. It must find none in the repository, and must find the one that is put into a
copy of it, so that no check passes because it looks at nothing.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
COMPOSE, OURS, COLLECTOR, ENV_EXAMPLE, SETUP = (
    "docker-compose.yml",
    "Dockerfile",
    "deploy/otel/Dockerfile",
    ".env.example",
    "deploy/temporal/setup.sh",
)

# The commands of `hitl`, as the README documents them.
COMMANDS = frozenset(
    """
    up worker serve init new validate schema test graph simulate start ls inbox show why approve reject decide delegate
    reassign claim release-claim comment ask-info give-info withdraw amend extend override hold release start-step skip
    finish rerun cancel set revoke extend-grant migrate absence token schedule audit replay backup restore doctor
    """.split()  # noqa: SIM905 - fifty quoted words would read worse
)

SEARCH_ATTRIBUTES = {
    "HitlState": "Keyword",
    "HitlFlow": "Keyword",
    "HitlRequester": "Keyword",
    "HitlDue": "Datetime",
    "HitlPriority": "Int",
    "HitlAssignees": "KeywordList",
    "HitlGroups": "KeywordList",
    "HitlWaiting": "KeywordList",
}

Mapped = Mapping[str, Any]  # a YAML mapping: what it holds is known by name only


@dataclass(frozen=True)
class Stack:
    """The packaging as text: the files by name, the compose file also as a mapping."""

    texts: Mapping[str, str]
    compose: Mapped

    @classmethod
    def read(cls, changed: Mapping[str, str] | None = None) -> "Stack":
        """Read the repository, with some files' texts replaced."""
        names = (COMPOSE, OURS, COLLECTOR, ENV_EXAMPLE, SETUP, ".dockerignore")
        texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in names} | dict(changed or {})
        return cls(texts, YAML(typ="safe").load(texts[COMPOSE]))

    @property
    def services(self) -> Mapping[str, Mapped]:
        """The services by name, each with what it inherits."""
        return self.compose["services"]

    @property
    def one_shots(self) -> set[str]:
        """Services that somebody waits for to end well."""
        return {
            name
            for service in self.services.values()
            for name, wait in service.get("depends_on", {}).items()
            if wait["condition"] == "service_completed_successfully"
        }

    def instructions(self, dockerfile: str) -> Iterator[tuple[str, list[str]]]:
        """Yield each instruction of a Dockerfile with its words, in order."""
        joined = re.sub(r"^\s*#.*\n", "", self.texts[dockerfile], flags=re.MULTILINE).replace("\\\n", " ")
        for line in filter(str.strip, joined.splitlines()):
            keyword, _, rest = line.partition(" ")
            yield keyword.upper(), shlex.split(rest)


def is_pinned(image: str) -> bool:
    """Tell whether an image names one release: a tag with a full version, or a digest."""
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@sha256:" in image or bool(re.match(r"v?\d+\.\d+", tag))


def unpinned_images(stack: Stack) -> list[str]:
    found = [
        f"{name}: image {service.get('image')!r} is not pinned to a version"
        for name, service in stack.services.items()
        if not is_pinned(service.get("image", ""))
    ]
    for dockerfile in (OURS, COLLECTOR):
        stages: set[str] = set()
        for keyword, words in stack.instructions(dockerfile):
            if keyword == "FROM":
                if words[0] not in stages and not is_pinned(words[0]):
                    found.append(f"{dockerfile}: FROM {words[0]!r} is not pinned to a version")
                stages.update(words[2:3])
    return found


def missing_health_checks(stack: Stack) -> list[str]:
    return [
        f"{name}: runs on and on without a health check"
        for name, service in stack.services.items()
        if name not in stack.one_shots and service.get("healthcheck", {}).get("test", "NONE") in ("NONE", ["NONE"])
    ]


def wrong_restarts(stack: Stack) -> list[str]:
    return [
        f"{name}: restart is {service.get('restart')!r}"
        for name, service in stack.services.items()
        if service.get("restart") != ("no" if name in stack.one_shots else "unless-stopped")
    ]


def wrong_dependencies(stack: Stack) -> list[str]:
    found: list[str] = []
    for name, service in stack.services.items():
        for other, wait in service.get("depends_on", {}).items():
            if other not in stack.services:
                found.append(f"{name}: depends on {other!r}, which is no service")
            elif wait["condition"] == "service_healthy" and "healthcheck" not in stack.services[other]:
                found.append(f"{name}: waits for {other!r} to be healthy, which nothing checks")
    return found


def missing_files(stack: Stack) -> list[str]:
    named = {config["file"] for config in stack.compose.get("configs", {}).values()}
    declared = {"configs": stack.compose.get("configs", {}), "volumes": stack.compose.get("volumes", {})}
    found: list[str] = []
    for name, service in stack.services.items():
        build = service.get("build")
        if build is not None:
            context, dockerfile = (
                (build, "Dockerfile") if isinstance(build, str) else (build["context"], build["dockerfile"])
            )
            named.add(f"{context}/{dockerfile}")
        named.update(file["path"] for file in service.get("env_file", []) if file.get("required", True))
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith((".", "/", "~")):
                named.add(source)
            elif source not in declared["volumes"]:
                found.append(f"{name}: volume {source!r} is not declared")
        found += [
            f"{name}: config {config['source']!r} is not declared"
            for config in service.get("configs", [])
            if config["source"] not in declared["configs"]
        ]
    return found + [f"{COMPOSE}: {path!r} does not exist" for path in sorted(named) if not (ROOT / path).exists()]


def unexplained_variables(stack: Stack) -> list[str]:
    used = re.findall(r"(?<!\$)\$(?:\{([^}]*)\}|(\w+))", stack.texts[COMPOSE])
    offered = set(re.findall(r"^(\w+)=", stack.texts[ENV_EXAMPLE], re.MULTILINE))
    found: list[str] = []
    for braced, bare in used:
        name = bare or re.split(r":?[-?]", braced)[0]
        if not re.fullmatch(r"\w+:[-?].+", braced):
            found.append(f"${name}: has neither a default nor an error message")
        if name not in offered:
            found.append(f"${name}: is not in {ENV_EXAMPLE}")
    return found


def secrets_in_files(stack: Stack) -> list[str]:
    secret = re.compile(r"PASSWORD|PWD|SECRET|TOKEN|PRIVATE|API_KEY")
    found = [
        f"{name}: {key} has a value in {COMPOSE}"
        for name, service in stack.services.items()
        for key, value in service.get("environment", {}).items()
        if secret.search(key) and not re.fullmatch(r"\$\{\w+:\?[^}]+\}", str(value))
    ]
    offered = re.findall(r"^(\w+)=(.+)$", stack.texts[ENV_EXAMPLE], re.MULTILINE)
    return found + [f"{ENV_EXAMPLE}: {key} has a value" for key, _ in offered if secret.search(key)]


def open_ports(stack: Stack) -> list[str]:
    return [
        f"{name}: port {port!r} is not bound to loopback, or is fixed"
        for name, service in stack.services.items()
        for port in service.get("ports", [])
        if not re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+", str(port))
    ]


def soft_containers(stack: Stack) -> list[str]:
    found: list[str] = []
    for name, service in stack.services.items():
        hardening = {
            "read_only": service.get("read_only") is True,
            "cap_drop": service.get("cap_drop") == ["ALL"],
            "mem_limit": "mem_limit" in service,
        }
        found += [f"{name}: lacks {key}" for key, is_there in hardening.items() if not is_there]
        if service.get("privileged"):
            found.append(f"{name}: is privileged")
    return found


def unknown_commands(stack: Stack) -> list[str]:
    return [
        f"{name}: `hitl {command}` does not exist"
        for name, service in stack.services.items()
        if service.get("build") == "."
        for command in service["command"][:1]
        if command not in COMMANDS
    ]


def bad_copies(stack: Stack) -> list[str]:
    admitted = [PurePosixPath(line[1:]) for line in stack.texts[".dockerignore"].splitlines() if line.startswith("!")]
    found: list[str] = []
    for dockerfile, context in ((OURS, ROOT), (COLLECTOR, (ROOT / COLLECTOR).parent)):
        for keyword, words in stack.instructions(dockerfile):
            if keyword == "ADD":
                found.append(f"{dockerfile}: ADD, which fetches and unpacks; use COPY")
            if keyword != "COPY" or any(word.startswith("--from=") for word in words):
                continue
            for source in words[:-1]:
                path = PurePosixPath(source)
                if not (context / path).exists():
                    found.append(f"{dockerfile}: COPY of {source!r}, which does not exist")
                if dockerfile == OURS and not any(path.is_relative_to(entry) for entry in admitted):
                    found.append(f"{dockerfile}: COPY of {source!r}, which .dockerignore keeps out")
    return found


def unhashed_installs(stack: Stack) -> list[str]:
    return [
        f"{OURS}: `{command.strip()}` may install what is not pinned"
        for keyword, words in stack.instructions(OURS)
        if keyword == "RUN"
        for command in " ".join(words).split("&&")
        if re.search(r"\bpip\b.*\b(install|wheel)\b", command)
        and "--require-hashes" not in command
        and not {"--no-deps", "--no-index"} <= set(command.split())
    ]


def roots(stack: Stack) -> list[str]:
    found: list[str] = []
    for dockerfile in (OURS, COLLECTOR):
        user = "root"
        for keyword, words in stack.instructions(dockerfile):
            user = {"FROM": "root", "USER": words[0]}.get(keyword, user)
        if user.partition(":")[0] in ("root", "0"):
            found.append(f"{dockerfile}: the last USER is {user!r}")
    return found


def wrong_search_attributes(stack: Stack) -> list[str]:
    created = dict(re.findall(r"^attribute (\w+) (\w+)$", stack.texts[SETUP], re.MULTILINE))
    differ = sorted(created.items() ^ SEARCH_ATTRIBUTES.items())
    return [f"{SETUP}: {name} {kind} is on one side only" for name, kind in differ]


Check = Callable[[Stack], list[str]]


@dataclass(frozen=True)
class Breakage:
    """One text replaced in one file, and what the check must say of it."""

    check: Check
    file: str
    old: str
    new: str
    says: str


BREAKAGES = (
    Breakage(unpinned_images, COMPOSE, "temporalio/ui:2.54.1", "temporalio/ui:latest", "temporal-ui: image"),
    Breakage(unpinned_images, COMPOSE, "image: postgres:17.10", "image: postgres", "postgres: image"),
    Breakage(unpinned_images, COMPOSE, "image: postgres:17.10", "image: db.example:5000/postgres", "postgres: image"),
    Breakage(unpinned_images, OURS, "python:3.11.16-slim-trixie", "python:slim", "FROM 'python:slim'"),
    Breakage(unpinned_images, COLLECTOR, "collector:0.160.0", "collector", "FROM 'otel/opentelemetry-collector'"),
    Breakage(missing_health_checks, COMPOSE, "test: [CMD, pg_isready", "tests: [CMD, pg_isready", "postgres: runs"),
    Breakage(
        missing_health_checks, COMPOSE, "test: [CMD, python, /opt/hitl/health.py, http]", "test: NONE", "http: runs"
    ),
    Breakage(wrong_restarts, COMPOSE, 'restart: "no"', "restart: always", "temporal-schema: restart"),
    Breakage(wrong_restarts, COMPOSE, "restart: unless-stopped", 'restart: "no"', "worker: restart"),
    Breakage(wrong_dependencies, COMPOSE, "postgres: {condition", "postgresql: {condition", "'postgresql'"),
    Breakage(
        wrong_dependencies, COMPOSE, "    healthcheck:\n      # Over", "    x-none:\n      # Over", "nothing checks"
    ),
    Breakage(missing_files, COMPOSE, "deploy/temporal/setup.sh", "deploy/temporal/gone.sh", "gone.sh' does not exist"),
    Breakage(missing_files, COMPOSE, "build: deploy/otel", "build: deploy/gone", "deploy/gone/Dockerfile"),
    Breakage(missing_files, COMPOSE, "required: false", "required: true", "'hitl.env' does not exist"),
    Breakage(missing_files, COMPOSE, "- state:/var", "- ./gone:/var", "'./gone' does not exist"),
    Breakage(missing_files, COMPOSE, "- state:/var", "- states:/var", "volume 'states' is not declared"),
    Breakage(missing_files, COMPOSE, "{source: jaeger,", "{source: jager,", "config 'jager' is not declared"),
    Breakage(unexplained_variables, COMPOSE, "${HITL_HTTP_PORT:-8080}", "${HITL_HTTP_PORT}", "neither a default"),
    Breakage(unexplained_variables, COMPOSE, "${HITL_HTTP_PORT:-8080}", "$HITL_HTTP_PORT", "neither a default"),
    Breakage(unexplained_variables, COMPOSE, "${HITL_HTTP_PORT:-8080}", "${HITL_PORT:-8080}", "$HITL_PORT: is not in"),
    Breakage(
        secrets_in_files, COMPOSE, "POSTGRES_PWD: ${POSTGRES_PASSWORD:?", "POSTGRES_PWD: temporal #", "POSTGRES_PWD"
    ),
    Breakage(
        secrets_in_files, ENV_EXAMPLE, "POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=temporal", "POSTGRES_PASSWORD has"
    ),
    Breakage(open_ports, COMPOSE, '"127.0.0.1:${HITL_HTTP_PORT', '"${HITL_HTTP_PORT', "http: port"),
    Breakage(open_ports, COMPOSE, "127.0.0.1:${HITL_JAEGER", "0.0.0.0:${HITL_JAEGER", "jaeger: port"),
    Breakage(soft_containers, COMPOSE, "read_only: true", "read_only: false", "http: lacks read_only"),
    Breakage(soft_containers, COMPOSE, "cap_drop: [ALL]", "cap_drop: []", "postgres: lacks cap_drop"),
    Breakage(soft_containers, COMPOSE, "mem_limit: 1g", "privileged: true", "temporal: lacks mem_limit"),
    Breakage(soft_containers, COMPOSE, "mem_limit: 1g", "privileged: true", "temporal: is privileged"),
    Breakage(unknown_commands, COMPOSE, "command: [worker]", "command: [work]", "`hitl work` does not exist"),
    Breakage(bad_copies, OURS, "COPY src/ src/", "COPY source/ src/", "COPY of 'source/', which does not exist"),
    Breakage(bad_copies, OURS, "COPY src/ src/", "COPY tests/ src/", "COPY of 'tests/', which .dockerignore keeps out"),
    Breakage(bad_copies, OURS, "COPY src/", "ADD https://example.org/src.tar", "ADD, which fetches"),
    Breakage(unhashed_installs, OURS, " install --require-hashes", " install", "may install what is not pinned"),
    Breakage(unhashed_installs, OURS, "install --no-deps --no-index", "install", "may install what is not pinned"),
    Breakage(roots, OURS, "USER 10001:10001", "USER root", "the last USER is 'root'"),
    Breakage(roots, COLLECTOR, "USER 10001:10001", "", "the last USER is 'root'"),
    Breakage(
        wrong_search_attributes, SETUP, "attribute HitlDue Datetime", "attribute HitlDue Keyword", "HitlDue Keyword"
    ),
    Breakage(wrong_search_attributes, SETUP, "attribute HitlGroups KeywordList\n", "", "HitlGroups KeywordList"),
)
CHECKS: tuple[Check, ...] = tuple(dict.fromkeys(breakage.check for breakage in BREAKAGES))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_repository_has_no_such_problem(check: Check) -> None:
    """What is shipped passes each check."""
    assert check(Stack.read()) == []


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: f"{breakage.check.__name__}: {breakage.says}")
def test_a_broken_copy_is_reported(breakage: Breakage) -> None:
    """Each check finds the problem that was put there."""
    text = Stack.read().texts[breakage.file]
    assert breakage.old in text, "this breakage no longer breaks anything"
    problems = breakage.check(Stack.read({breakage.file: text.replace(breakage.old, breakage.new)}))
    assert any(breakage.says in problem for problem in problems), problems


def test_the_services_are_those_that_are_promised() -> None:
    """Temporal on PostgreSQL, its UI, the OpenTelemetry collector, Jaeger, worker and HTTP service are there."""
    promised = {"postgres", "temporal", "temporal-ui", "otel-collector", "jaeger", "worker", "http"}
    assert promised <= set(Stack.read().services)


def test_worker_and_service_share_the_audit_store() -> None:
    """Both write the same state folder, on the same volume."""
    services = Stack.read().services
    for name in ("worker", "http"):
        state = services[name]["environment"]["HITL_STATE"]
        assert f"state:{state}" in services[name]["volumes"]


def test_the_database_is_out_of_reach_of_what_people_talk_to() -> None:
    """Only Temporal and its schema job are in the database's network, which has no way out."""
    stack = Stack.read()
    assert stack.compose["networks"]["storage"] == {"internal": True}
    inside = {name for name, service in stack.services.items() if "storage" in service.get("networks", [])}
    assert inside == {"postgres", "temporal-schema", "temporal"}
    assert stack.services["postgres"]["networks"] == ["storage"]
