"""What each place sees of real clients: a local network, a tap in the kernel, clients that are idle and busy by turns.

`python -m support.vantage --real` measures and writes the tables of docs/privacy.md.
"""
