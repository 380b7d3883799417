"""The network as the directory describes it, and routes through it.

`documents` are the directory's answers, `topology` is what a client keeps of them, `exits` and `entries` are the
gateways that a client may choose from, `selection` orders such candidates at random.
"""
