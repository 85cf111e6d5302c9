"""Scripts that the project does not have.

Must not know: where the project lies.
"""

from collections.abc import Callable, Iterator

from hitl_temporal.definition.documents import Document
from hitl_temporal.definition.problems import Problem
from hitl_temporal.domain.flow.definition import Flow

__all__ = ["check_scripts"]


def check_scripts(flow: Flow, document: Document, has_script: Callable[[str], bool]) -> Iterator[Problem]:
    """Yield the scripts that are not there; a warning, since the host that runs them may have them all the same.

    Args:
        flow: Runs them.
        document: Where it is written.
        has_script: Tells of a path below the project's folder whether a file is there, and within the folder.
    """
    for spot in flow.plan.every:
        undo = spot.step.undo
        for way, job in ((("run",), spot.step.run), (("undo", "run"), None if undo is None else undo.run)):
            if job is not None and job.script is not None and "{{" not in job.script and not has_script(job.script):
                message = f"the project has no script {job.script!r}"
                mend = "add it: its path begins at the project's folder"
                yield document.problem((*spot.at, *way, "script"), message, mend, "warning")
