"""A house: everything that `hitl up` runs, as real processes on free ports with a state folder of their own.

Must not know: what is tested in it.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar
from uuid import uuid4

import httpx

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "workflows" / "firewall_change" / "ruleset.nft"
TEMPORAL = Path(sysconfig.get_path("scripts")) / "temporal"

PATIENCE = timedelta(seconds=40)
"""Longer than anything takes, the ten seconds included in which Temporal notices a task that died with its worker."""
POLL_SECONDS = 0.05

OPEN = frozenset({"running", "waiting", "parked", "undoing"})
"""The states of a run that has not ended."""

Found = TypeVar("Found")
Ended: TypeAlias = "subprocess.CompletedProcess[str]"
"""A command that has run to its end."""


class Ports(NamedTuple):
    """One of each; none is in use."""

    http: int
    temporal: int
    ui: int

    @classmethod
    def free(cls) -> "Ports":
        """Choose below the range from which systems take ports for outgoing connections."""
        # Not `random`: pytest-randomly seeds it alike in every process, and all would choose the same.
        found: list[int] = []
        while len(found) < len(cls._fields):
            port = 15_000 + secrets.randbelow(15_000)
            if port not in found and is_free(port):
                found.append(port)
        return cls(*found)


class House:
    """What one `hitl up` runs, and what people and accidents do to it."""

    def __init__(self, folder: Path, *, project: Path = ROOT, **environment: str) -> None:
        """Choose ports and prepare the ruleset; nothing is started yet.

        Args:
            folder: For state, ruleset and logs.
            project: Its documents and activities.
            environment: Added to the settings of the house.
        """
        self.folder = folder
        self.patience = PATIENCE
        self.project = project
        self.state = folder / "state"
        self.ruleset = folder / "firewall.nft"
        self.ports = Ports.free()
        self.url = f"http://127.0.0.1:{self.ports.http}"
        self.temporal_address = f"127.0.0.1:{self.ports.temporal}"
        self._mark = f"E2E_HOUSE={uuid4().hex}"
        self._up: subprocess.Popen[bytes] | None = None
        foreign = ("HITL_", "TEMPORAL_", "OTEL_")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
            "HITL_STATE": str(self.state),
            "HITL_PROJECT": str(project),
            "HITL_FIREWALL_RULESET": str(self.ruleset),
            "HITL_HTTP_PORT": str(self.ports.http),
            "HITL_TEMPORAL_PORT": str(self.ports.temporal),
            "HITL_TEMPORAL_UI_PORT": str(self.ports.ui),
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "PYTHONUNBUFFERED": "1",
            **environment,
            **dict([self._mark.split("=")]),
        }
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SHIPPED, self.ruleset)

    # --- processes ----------------------------------------------------------------------------------------------------

    def open(self, *options: str) -> "House":
        """Start `hitl up` and return once the service is ready."""
        with (self.folder / "up.log").open("ab") as log:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "hitl_temporal", "up", *options], env=self.environment, stdout=log, stderr=log
            )
        self.until("the service is ready", self._is_ready)
        return self

    def close(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask `hitl up` to stop, and return its exit code."""
        assert self._up is not None, "open the house first"
        self._up.send_signal(number)
        return self._up.wait(PATIENCE.total_seconds())

    def kill(self, name: str = "worker") -> int:
        """End a process as a power cut would, and return the number it had: `worker`, `temporal`, or `up` itself."""

        def killed() -> int | None:
            with contextlib.suppress(ProcessLookupError):  # it has just died by itself, or been killed before
                os.kill(pid := self.pid(name), signal.SIGKILL)
                return pid
            return None

        pid = self.until(f"a process {name!r} is killed", killed)
        if name == "up":
            assert self._up is not None, "open the house first"
            self._up.wait(PATIENCE.total_seconds())
        return pid

    @contextmanager
    def stopped(self, name: str) -> Generator[None]:
        """Hold a process so that it does nothing and nobody notices its end."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def pid(self, name: str) -> int:
        """Return the number of a process of `hitl up`, once there is one."""
        return self.until(f"there is a process {name!r}", lambda: self._pids().get(name))

    def processes(self) -> dict[int, str]:
        """Return the command lines of everything that runs on behalf of this house, whoever started it."""
        if Path("/proc/self/environ").exists():  # Linux, where `ps` need not be installed
            return dict(self._from_proc())
        listed = subprocess.run(["ps", "axeww", "-o", "pid=", "-o", "command="], capture_output=True, check=True)
        lines = [line for line in listed.stdout.decode(errors="replace").splitlines() if self._mark in line]
        return {int(pid): command[:200] for pid, _, command in (line.strip().partition(" ") for line in lines)}

    def _from_proc(self) -> Iterator[tuple[int, str]]:
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if self._mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    yield int(folder.name), words.decode(errors="replace")[:200]

    def end_everything(self) -> None:
        """Leave no process, whatever has happened."""
        deadline = time.monotonic() + PATIENCE.total_seconds()
        if self._up is not None and self._up.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.close()
        while (found := self.processes()) and time.monotonic() < deadline:
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        if self._up is not None:
            self._up.wait(PATIENCE.total_seconds())

    def hitl(self, *words: str, user: str | None = "ann", **environment: str) -> Ended:
        """Run a command of ours to its end, as somebody."""
        return self._run([sys.executable, "-m", "hitl_temporal", *words], user, environment)

    @contextmanager
    def hitl_in_background(
        self, *words: str, user: str = "ann", **environment: str
    ) -> Generator["subprocess.Popen[str]"]:
        """Run a command of ours beside the test; it is ended with the block."""
        command = [sys.executable, "-m", "hitl_temporal", *words]
        environment = {**self.environment, "HITL_USER": user, **environment}
        with subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as running:
            try:
                yield running
            finally:
                running.kill()

    def temporal(self, *words: str) -> Ended:
        """Run Temporal's own command line against this house."""
        return self._run([str(TEMPORAL), *words, "--address", self.temporal_address], None, {})

    def python(self, program: str, *words: str) -> Ended:
        """Run a Python program in a process of its own."""
        return self._run([sys.executable, "-c", program, *words], None, {})

    # --- people -------------------------------------------------------------------------------------------------------

    def call(self, person: str | None, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Call the service as somebody; underscores in names of headers are hyphens."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if person is not None:
            sent.setdefault("Authorization", f"Bearer dev:{person}")
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        with httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE.total_seconds()) as client:
            return client.request(method, path, headers=sent, content=content)

    def get(self, person: str, path: str) -> Any:
        """Return the JSON that somebody reads."""
        response = self.call(person, "GET", path)
        assert response.status_code == 200, f"{person} GET {path}: {response.status_code} {response.text}"
        return response.json()

    def start_firewall(self, source: str = "203.0.113.0/24", port: int = 22, days: int = 30) -> str:
        """Ask for an opening as ann, risky unless told otherwise, and return the id of the run."""
        inputs = {"source": source, "port": port, "days": days}
        response = self.call("ann", "POST", "/v1/flows/firewall_change/runs", {"inputs": inputs})
        assert response.status_code == 201, response.text
        return response.json()["id"]

    def asked(self, person: str, run: str) -> str:
        """Return the approval of a run once it is in somebody's inbox."""
        wanted = f"{run}.approve.1"

        def listed() -> str | None:
            response = self.call(person, "GET", "/v1/approvals")
            items = response.json()["items"] if response.status_code == 200 else ()
            return wanted if any(item["id"] == wanted for item in items) else None

        return self.until(f"{wanted} is in the inbox of {person}", listed)

    def decide(
        self, person: str, approval: str, outcome: str = "approved", key: str | None = None, **more: object
    ) -> httpx.Response:
        """Answer an approval over HTTP."""
        headers = {"Idempotency_Key": key} if key else {}
        return self.call(person, "POST", f"/v1/approvals/{approval}/decisions", {"outcome": outcome, **more}, **headers)

    def ended(self, run: str) -> Any:
        """Return a run once it has ended."""

        def over() -> Any:
            response = self.call("ann", "GET", f"/v1/runs/{run}?wait=2s")
            is_over = response.status_code == 200 and response.json()["status"] not in OPEN
            return response.json() if is_over else None

        return self.until(f"{run} has ended", over)

    # --- what is left -------------------------------------------------------------------------------------------------

    def rules(self, text: str) -> list[str]:
        """Return the lines of the ruleset that hold this text."""
        return [line.strip() for line in self.ruleset.read_text().splitlines() if text in line]

    def messages(self, approval: str) -> list[dict[str, Any]]:
        """Return what people were told about an approval, in order."""
        lines = (self.state / "messages.jsonl").read_text().splitlines()
        return [m for m in (json.loads(line) for line in lines if line) if m["approval"] == approval]

    def until(self, what: str, look: Callable[[], Found | None]) -> Found:
        """Look again and again until there is something to see."""
        deadline = time.monotonic() + self.patience.total_seconds()
        while not (found := look()):
            if time.monotonic() > deadline:
                raise AssertionError(f"after {self.patience} it is still not so that {what}\n{self.logs()}")
            if self._up is not None and self._up.poll() is not None:
                raise AssertionError(f"hitl up has ended with {self._up.returncode}\n{self.logs()}")
            time.sleep(POLL_SECONDS)
        return found

    def logs(self) -> str:
        """Return the ends of all logs."""
        files = [self.folder / "up.log", self.state / "worker.log", self.state / "temporal.log"]
        return "\n".join(f"--- {f.name}\n{f.read_text(errors='replace')[-3000:]}" for f in files if f.exists())

    def _is_ready(self) -> bool:
        try:
            return self.call(None, "GET", "/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def _pids(self) -> dict[str, int]:
        with contextlib.suppress(OSError, ValueError):
            return {name: pid for name, (pid, _) in json.loads((self.state / "up.json").read_text()).items()}
        return {}

    def _run(self, command: list[str], user: str | None, environment: Mapping[str, str]) -> Ended:
        whole = {**self.environment, **({"HITL_USER": user} if user else {}), **environment}
        return subprocess.run(
            command, env=whole, capture_output=True, text=True, timeout=PATIENCE.total_seconds(), check=False
        )


@contextmanager
def house(folder: Path, *options: str, project: Path = ROOT, **environment: str) -> Generator[House]:
    """Open a house and leave nothing of it running."""
    found = House(folder, project=project, **environment)
    try:
        yield found.open(*options)
    finally:
        found.end_everything()


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a port of this machine."""
    with socket.socket() as attempt:
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
