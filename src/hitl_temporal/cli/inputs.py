"""The options of whatever is done with a flow and its inputs: a start, a dry run.

Must not know: what is done.
"""

from typing import Annotated

import typer

FlowName = Annotated[str, typer.Argument(metavar="FLOW", help="The flow's name.")]
Inputs = Annotated[list[str] | None, typer.Option("-i", metavar="NAME=VALUE", help="One input; as often as needed.")]
InputFile = Annotated[
    str | None, typer.Option("--input", metavar="FILE", help="Inputs as JSON or YAML; - is stdin; -i goes first.")
]
OnBehalfOf = Annotated[
    str | None, typer.Option("--on-behalf-of", metavar="USER", help="For whom, if not for yourself.")
]
