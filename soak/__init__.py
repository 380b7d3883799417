"""Many clients, and a network in which one thing after another breaks: `python -m soak`, or `make soak`."""
