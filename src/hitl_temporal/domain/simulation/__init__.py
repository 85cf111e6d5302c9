"""A run with its world played out: people, jobs, clocks and events of a scenario, without a server or a real job."""
