"""No fixture keeps the tests for ever: what pytest-timeout leaves unbounded is bounded here.

pytest-timeout bounds a test with its fixtures, but stops its clock for good as soon as the test has failed, so that
nobody who has entered a debugger is disturbed. A fixture that then hangs in its teardown would hang for hours.

Source: `pytest_exception_interact` of pytest_timeout 2.4.0 (read 2026-12-01).
"""

from collections.abc import Generator

import pytest
from pytest_timeout import Settings


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Start the clock again for what comes after a test; when it rings, stacks are shown and the process ends.

    By a thread, not by a signal: an exception out of a signal is lost where an event loop's callback happens to run.
    """
    limit = float(item.config.getoption("timeout") or item.config.getini("timeout"))
    hooks = item.config.hook
    hooks.pytest_timeout_cancel_timer(item=item)
    settings = Settings(limit, "thread", func_only=False, disable_debugger_detection=False)
    hooks.pytest_timeout_set_timer(item=item, settings=settings)
    return (yield)
