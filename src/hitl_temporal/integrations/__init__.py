"""Adapters to the systems that people and jobs live in; one folder each, none knows another."""
