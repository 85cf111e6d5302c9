"""Stands for `docker`: takes the arguments that we promise to give, and nothing else.

Its containers are files in `FAKE_ENGINE`, its images are those in `IMAGES`. Every call is written to `calls`.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

IMAGES = {"alpine:3", "slow", "broken", "daemon", "loud"}
HOME = Path(os.environ["FAKE_ENGINE"])


def fail(code: int, said: str) -> None:
    """End as the engine does."""
    sys.stderr.write(said)
    sys.exit(code)


def remove(arguments: list[str]) -> None:
    """Remove a container by force; one that is not there is no error."""
    if len(arguments) != 2 or arguments[0] != "--force":
        fail(125, f"unknown flag: {arguments}")
    (HOME / arguments[1]).unlink(missing_ok=True)


def run(arguments: list[str]) -> None:
    """Run a container whose name is free; it lives as long as its file."""
    flags: dict[str, list[str]] = {}
    while arguments and arguments[0].startswith("-"):
        flag = arguments.pop(0)
        flags.setdefault(flag, []).append("" if flag == "--rm" else arguments.pop(0))
    if set(flags) - {"--rm", "--name", "--pull", "--env", "--mount"} or "--rm" not in flags:
        fail(125, f"unknown flag: {sorted(flags)}")
    [name], [pull] = flags["--name"], flags["--pull"]
    if not re.fullmatch(r"hitl-[0-9a-f]{24}", name) or pull not in {"missing", "always", "never"}:
        fail(125, "unknown flag")
    image, *command = arguments
    if image == "daemon":
        fail(125, "docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    if image not in IMAGES:
        fail(125, "docker: Error response from daemon: pull access denied")
    container = HOME / name
    if container.exists():
        fail(125, f"Conflict. The container name {name} is already in use")
    container.touch()
    if image == "slow":
        while container.exists():
            time.sleep(0.01)
        sys.exit(137)
    if image == "loud":
        sys.stdout.write("x" * 200_000)
    env = {variable: os.environ.get(variable) for variable in flags.get("--env", [])}
    sys.stdout.write(json.dumps({"command": command, "env": env, "mounts": flags.get("--mount", []), "pull": pull}))
    sys.stderr.write("on the side")
    container.unlink()
    sys.exit(int(command[1]) if command[:1] == ["exit"] else 0)


if __name__ == "__main__":
    with (HOME / "calls").open("a") as calls:
        calls.write(json.dumps(sys.argv[1:]) + "\n")
    {"run": run, "rm": remove}[sys.argv[1]](sys.argv[2:])
