"""A house with a browser in front of it: Chromium as it is installed here, driven by Playwright.

`make browser` runs these; `make test` does not, since not every machine has a browser.
"""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.house import ROOT, House, house

PHONE = {"width": 375, "height": 667}
DESKTOP = {"width": 1280, "height": 800}

SAFE = """\
flow: safe_opening
title: "Open the safe for {{inputs.why}}"
description: Opens the safe; whoever agrees proves afresh who they are.
category: security
start: [group:employees]
inputs: {why: {type: string, title: What for}}
steps:
  - id: approve
    ask:
      title: "Open the safe for {{inputs.why}}"
      body: "Nobody opens it **alone**."
      show: {why: "{{inputs.why}}"}
      who: [manager:requester]
      due: 2bd
      assurance: high
      comment: required
      form: {door: {type: string, enum: [left, right], title: Which door}}
"""
"""What no flow of the reference project has: high assurance, a comment that is needed, and a form."""

Visit = Callable[..., Page]
"""Opens a page as somebody who has just logged in."""


@pytest.fixture(scope="session", name="house")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running house with one flow more."""
    project = tmp_path_factory.mktemp("project")
    for part in ("workflows", "activities"):
        shutil.copytree(ROOT / part, project / part)
    (project / "workflows" / "safe_opening").mkdir()
    (project / "workflows" / "safe_opening" / "flow.yaml").write_text(SAFE)
    with house(tmp_path_factory.mktemp("house"), project=project) as opened:
        yield opened


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser that `CHROMIUM` names."""
    wanted = os.environ.get("CHROMIUM", "chromium")
    found = shutil.which(wanted)
    assert found is not None, f"not run: needs Chromium; there is no {wanted!r}, so install it or set CHROMIUM"
    # Containers run as root and without the namespaces that its sandbox needs; it sees our own pages alone.
    with sync_playwright() as driver, driver.chromium.launch(executable_path=found, args=["--no-sandbox"]) as running:
        yield running


@pytest.fixture
def visit(browser: Browser, house: House) -> Iterator[Visit]:
    """Log somebody in by the form, as people do, in a browser of their own, and open a page."""
    contexts = []

    def go(person: str, path: str = "/", *, phone: bool = False, scripts: bool = True) -> Page:
        context = browser.new_context(
            base_url=house.url, viewport=PHONE if phone else DESKTOP, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(path)
        page.get_by_label("Who are you?").fill(person)
        page.get_by_role("button", name="Log in").click()
        return page

    yield go
    for context in contexts:
        context.close()
