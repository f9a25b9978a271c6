"""Measurements against peers; `make bench` runs them all. Never timed tests."""
