"""The flow machine: a graph of steps done by machines, systems, people and the world."""
