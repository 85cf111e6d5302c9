"""`make bench`: measure, print, and say on which machine."""

import json
import os
import platform
import sys

from benchmarks import approval, flow
from benchmarks.figures import HEADER, line


def main() -> int:
    """Print every figure; with `--json` as one object."""
    found = [*approval.figures(), *flow.figures()]
    machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "system": platform.machine()}
    if "--json" in sys.argv[1:]:
        print(json.dumps({"machine": machine, "figures": [f._asdict() for f in found]}))
        return 0
    print(f"Python {machine['python']}, {machine['cpus']} CPUs ({machine['system']})")
    print("\n".join([HEADER, *map(line, found)]))
    return 0


sys.exit(main())
