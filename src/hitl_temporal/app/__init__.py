"""The composition root: settings, project, worker, embedded Temporal server; the only place that plugs ports."""
