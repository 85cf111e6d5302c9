"""How pools are called: a resource of the site by its own name, the limit of a flow by the flow's.

Must not know: workflow ids.
"""

__all__ = ["FLOW", "flow_pool", "is_of_site"]

FLOW = "flow:"
"""What the pool of a flow begins with; no resource of a site can be called so."""


def flow_pool(flow: str, key: str | None = None) -> str:
    """Return the pool that bounds how many runs of a flow go on at the same time.

    Args:
        flow: Its name.
        key: What the bound counts apart, such as a region; None: all runs together.
    """
    return f"{FLOW}{flow}" if key is None else f"{FLOW}{flow}:{key}"


def is_of_site(pool: str) -> bool:
    """Tell whether the site says how many units a pool has; of others those say it who ask."""
    return not pool.startswith(FLOW)
