"""docs/operating.md has every action, its command, and every status of a receipt."""

from hitl_temporal.cli.operating import COMMANDS
from hitl_temporal.domain.flow.commands import ACTIONS, STATUSES
from tests.docs.pages import rows, sections


def test_every_action_is_in_the_table_with_its_command() -> None:
    """What the one table of actions has, and nothing else."""
    found = {row[0].strip("`"): row[1] for row in rows(sections("operating.md")["Actions"])}

    assert found.keys() == ACTIONS.keys()
    assert all(f"`hitl {COMMANDS[action]}" in command for action, command in found.items())


def test_every_status_of_a_receipt_is_told() -> None:
    """With what it means over HTTP."""
    assert {row[0].strip("`") for row in rows(sections("operating.md")["Receipts"])} == set(STATUSES)
