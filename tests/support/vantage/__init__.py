"""What each place of the network can tell about a client: records, windows of them, and a classifier over these.

`make privacy` runs `python -m support.vantage`, which measures and writes the tables of docs/privacy.md.
"""
