"""`make demo`: one firewall request from start to end, on real processes, real files and real HTTP.

It starts what `hitl up` starts (Temporal with its UI, a worker, the HTTP service), lets ann ask for a risky opening,
bob and then one of secops agree over HTTP, and shows what has become of the ruleset file and of the audit trail.
"""

import difflib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".hitl" / "demo"
RULESET = STATE / "firewall.nft"
SHIPPED = ROOT / "workflows" / "firewall_change" / "ruleset.nft"
BASE = f"http://127.0.0.1:{os.environ.get('HITL_HTTP_PORT', '8080')}"
RUN = {"source": "203.0.113.0/24", "port": 22, "days": 30}
PATIENCE_SECONDS = 60.0


def main() -> int:
    """Run the demo; return the exit code."""
    say("1. Starting Temporal, a worker and the HTTP service (hitl up)")
    STATE.mkdir(parents=True, exist_ok=True)
    for old in (
        "temporal.db",
        "temporal.db-wal",
        "temporal.db-shm",
        "audit.db",
        "audit.db-wal",
        "audit.db-shm",
        "messages.jsonl",
    ):
        (STATE / old).unlink(missing_ok=True)
    shutil.copyfile(SHIPPED, RULESET)
    up = subprocess.Popen(
        [sys.executable, "-m", "hitl_temporal", "up"],
        env={**os.environ, "HITL_STATE": str(STATE), "HITL_PROJECT": str(ROOT), "HITL_FIREWALL_RULESET": str(RULESET)},
        stdout=subprocess.PIPE,
        stderr=(STATE / "up.log").open("wb"),
        text=True,
    )
    try:
        wait_until_up(up)
        play()
    finally:
        up.send_signal(signal.SIGINT)
        code = up.wait(30)
    say(f"9. Everything is stopped (hitl up exited {code}). Try it yourself: make up, then open {BASE}/")
    return code


def wait_until_up(up: subprocess.Popen[str]) -> None:
    """Return once our own service listens: another one at this port would answer too; say why when it never will."""
    assert up.stdout is not None
    if not up.stdout.readline():  # it says that it is up, or ends within the time that it gives Temporal to start
        sys.exit(f"demo: hitl up ended with {up.wait()}: {(STATE / 'up.log').read_text().strip()[-2000:]}")


def play() -> None:
    """Ask, decide twice, and show what happened."""
    ann, bob, cai = (person(p) for p in ("ann", "bob", "cai"))
    say(f"2. ann asks: open port {RUN['port']} for {RUN['source']}, {RUN['days']} days")
    run = ann("POST", "/v1/flows/firewall_change/runs", {"inputs": RUN})["id"]
    approval = waiting_for(bob)
    risk = ann("GET", f"/v1/runs/{run}")["steps"]["risk"]["outputs"]
    say(f"3. The risk check scores {risk['score']}:")
    for factor in risk["factors"]:
        show(f"{factor['weight']:+.2f}  {factor['reason']}")
    say("4. It waits for people, at no cost; bob has it in his inbox")
    show(f"{approval['title']} ({approval['tally']}, due {approval['due']})")
    for reason in ann("GET", f"/v1/runs/{run}/why"):
        show(f"{reason['step']}: {reason['reason']}, released by {reason['releases']}")
    say("5. People decide over HTTP, and each gets a receipt at once")
    decide(ann, "ann, who asked (nobody decides their own)", approval["id"])
    decide(bob, "bob, her manager", approval["id"])
    waiting_for(cai)
    decide(cai, "cai, one of secops", approval["id"])
    done = ann("GET", f"/v1/runs/{run}?wait=30s")
    checked = done["steps"]["apply"]["outputs"]["checked"]
    say(f"6. The run is {done['status']}: rule {done['outputs']['rule']}, {checked}")
    show_change()
    trail = ann("GET", f"/v1/runs/{run}/audit")
    say("7. The audit trail (hitl audit show)")
    hitl("audit", "show", run)
    say("8. Its verification (hitl audit verify)")
    hitl("audit", "verify", run)
    if done["status"] != "completed" or not trail["report"]["ok"]:
        sys.exit(f"demo: the run is {done['status']}, its trail: {json.dumps(trail['report'])}")


def person(name: str):  # noqa: ANN201 - a closure over one person's HTTP client
    """Return a function that calls the service as this person and returns the JSON."""
    client = httpx.Client(base_url=BASE, headers={"Authorization": f"Bearer dev:{name}"}, timeout=60, trust_env=False)

    def call(method: str, path: str, body: object = None) -> dict:
        response = client.request(method, path, json=body)
        if response.status_code >= 500:
            sys.exit(f"demo: {method} {path} answered {response.status_code}: {response.text[:500]}")
        return response.json()

    return call


def waiting_for(whom) -> dict:  # noqa: ANN001 - see person
    """Return the first approval in somebody's inbox, once there is one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if items := whom("GET", "/v1/approvals")["items"]:
            return items[0]
        time.sleep(0.05)
    sys.exit(f"demo: nobody was asked within {PATIENCE_SECONDS:.0f} s; see {STATE / 'worker.log'}")


def decide(whom, who: str, approval: str) -> None:  # noqa: ANN001 - see person
    """Approve as somebody and show the receipt."""
    receipt = whom("POST", f"/v1/approvals/{approval}/decisions", {"outcome": "approved"})
    show(f"{who}: {receipt['status']}{': ' + receipt['reason'] if receipt['reason'] else ''} ({receipt['tally']})")


def show_change() -> None:
    """Show what the ruleset file has that it had not."""
    before, after = (f.read_text().splitlines() for f in (SHIPPED, RULESET))
    for line in difflib.unified_diff(before, after, "before", str(RULESET.relative_to(ROOT)), lineterm="", n=1):
        show(line)


def hitl(*arguments: str) -> None:
    """Run a command of ours and let it speak for itself."""
    environment = {**os.environ, "HITL_USER": "ann", "HITL_URL": BASE}
    subprocess.run([sys.executable, "-m", "hitl_temporal", *arguments], env=environment, check=True)


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}", flush=True)


def show(text: str) -> None:
    """Print a detail."""
    print(f"   {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
