"""The approval machine: one question to people, from asking to an outcome that cannot change."""
