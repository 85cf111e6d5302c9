"""docs/running.md has every key of a job, every failure and every variable that a command gets, and nothing else."""

from hitl_temporal.domain.flow.job import Job
from hitl_temporal.effects.commands import INHERITED
from hitl_temporal.messages import AGENT_STOPPED, EXIT_CODE, OUTPUTS, CommandEnded
from tests.docs.pages import DOCS, code, rows

PAGE = (DOCS / "running.md").read_text()


def test_every_key_of_a_job_is_on_its_page() -> None:
    """In the order of the document."""
    keys = [code(row[0]) for row in rows(PAGE.partition("\n## ")[0])]
    assert [key for key in keys if key in Job.model_fields] == list(Job.model_fields)


def test_every_failure_and_its_details_are_on_their_page() -> None:
    """By their types, which retry policies and `catch` may name."""
    assert all(f"| `{name}` |" in PAGE for name in (EXIT_CODE, OUTPUTS, AGENT_STOPPED))
    assert f"{{{', '.join(CommandEnded.model_fields)}}}" in PAGE


def test_what_is_inherited_is_on_its_page() -> None:
    """All of it."""
    assert all(f"`{name}`" in PAGE for name in INHERITED)
