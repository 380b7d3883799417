"""Sphinx packets: building them, reply blocks, and what a node does with them.

Source: Nym spec, Sphinx packet format (header versions 258 to 260), after Danezis and Goldberg, "Sphinx: A Compact
and Provably Secure Mix Format". `geometry` has every length, `packet` and `surb` are the sender's side, `processing`
and `replay` the node's.
"""
