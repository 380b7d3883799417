"""Emulated links: delay, jitter, loss and rate between nodes that really share one machine."""
