"""An absence from end to end: entered over HTTP, kept through the death of a worker, removed by the command."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.house import House

pytestmark = pytest.mark.process

PATH = "/v1/me/absences"
YEAR = datetime.now(UTC).year + 1
WISH = {"since": f"{YEAR}-12-24", "until": f"{YEAR + 1}-01-02", "substitute": "dee", "flow": "finance.*"}


def test_an_absence_outlives_the_worker_that_has_judged_it(house: House) -> None:
    """Entered in the person's own time zone, once, and read back from a worker that has never seen it."""

    def added() -> Any:
        answer = house.call("fay", "POST", PATH, WISH, Idempotency_Key="k")
        assert answer.status_code in {201, 202}, answer.text  # 202: the worker of this house is not there yet
        return answer.json()["absence"]

    absence = house.until("the absence is entered", added)
    assert (absence["since"], absence["until"]) == (f"{YEAR}-12-23T23:00:00Z", f"{YEAR + 1}-01-01T23:00:00Z")
    killed = house.kill()

    def listed() -> Any:
        answer = house.call("fay", "GET", PATH)
        return answer.json()["items"] if answer.status_code == 200 else None

    assert house.until("absences are listed again", listed) == [absence]
    assert house.pid("worker") != killed
    assert house.call("fay", "POST", PATH, WISH, Idempotency_Key="k").json()["absence"] == absence
    assert house.call("ann", "GET", f"{PATH}?person=fay").status_code == 404
    assert house.call("ann", "DELETE", f"{PATH}/{absence['id']}").status_code == 403
    assert house.call("fay", "POST", PATH, {**WISH, "substitute": "nobody"}).status_code == 422

    seen = house.hitl("absence", "ls", "--person", "fay", "--json", user="gus")
    assert json.loads(seen.stdout) == {"items": [absence]}
    removed = house.hitl("absence", "rm", absence["id"], user="fay")
    assert (removed.returncode, removed.stderr) == (0, "")
    assert house.hitl("absence", "ls", user="fay").stdout == ""
    again = house.hitl("absence", "rm", absence["id"], user="fay")
    assert (again.returncode, again.stderr) == (1, f"hitl: there is no absence {absence['id']!r}\n")
