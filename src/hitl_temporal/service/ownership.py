"""Who owns a flow: its runs and what they ask are theirs to see.

Must not know: runs, approvals.
"""

from hitl_temporal.ports import Catalogue, Directory, UnknownFlowError
from hitl_temporal.service.identity import Identity


async def owns(catalogue: Catalogue, directory: Directory, me: Identity, flow: str) -> bool:
    """Tell whether a person is among the owners of a flow, as its document says now; nobody owns an unknown one."""
    try:
        owner = (await catalogue.flow(flow)).owner
    except UnknownFlowError:
        return False
    return owner is not None and me.person in (await directory.read([owner], [])).named_by([owner])
