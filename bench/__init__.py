"""Measures; nothing here passes or fails. `make bench` writes build/bench.json."""
