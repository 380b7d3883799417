"""Fuzzing of everything that reads what others send: `python -m fuzz`, or `make fuzz`."""
