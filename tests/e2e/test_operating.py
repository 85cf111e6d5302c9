"""Operators at work from end to end: many runs held and released, one ended and done again, over the command."""

import pytest

from tests.e2e.house import House

pytestmark = pytest.mark.process


def test_operators_hold_release_end_and_do_again(house: House) -> None:
    """Each by its command, as gus; who is no operator is refused."""
    run = house.start_firewall()
    house.asked("bob", run)
    assert house.hitl("hold", run, "apply", user="fay").returncode == 1
    query = ("--query", f"flow=firewall_* id={run}*", "--reason", "freeze")
    shown = house.hitl("hold", *query, "--dry-run", user="gus")
    assert (shown.returncode, shown.stdout) == (0, f"{run}: done; run: held\n"), shown.stderr
    assert house.hitl("hold", *query, user="gus").returncode == 0
    assert house.hitl("release", run, user="gus").returncode == 0
    missing = house.hitl("skip", run, "gone", user="gus")
    assert (missing.returncode, "no step 'gone'; steps: " in missing.stderr) == (1, True)
    same = house.hitl("migrate", run, "--dry-run", user="gus")
    assert (same.returncode, same.stdout) == (0, f"{run}: done\n"), same.stderr
    assert house.hitl("cancel", run, "--reason", "too late", user="gus").returncode == 0
    assert house.ended(run)["status"] == "cancelled"

    again = house.hitl("rerun", run, "--failed", "--reason", "not too late", "--key", "k", user="gus")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith(f"{run}: done; {run}.r1: started, risk: kept, approve: again")
    assert house.hitl("rerun", run, "--failed", "--key", "k", user="gus").stdout == again.stdout
    assert house.get("ann", f"/v1/runs/{run}.r1")["rerun_of"] == run
    question = f"{run}.r1.approve.2"  # the starts of a step are counted on
    house.until("bob is asked again", lambda: house.call("bob", "GET", f"/v1/approvals/{question}").status_code == 200)
