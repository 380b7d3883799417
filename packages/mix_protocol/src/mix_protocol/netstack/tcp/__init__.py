"""TCP (RFC 9293): the connection, its sending and receiving halves, and the rules between them.

`control_block` remembers; `arrival`, `departure` and `timeouts` are the rules; `connection` and `listener` are what an
application holds. Sequence numbers inside are unbounded integers (see `sequence`). No timestamps option: without it
nothing is lost at a mixnet's speeds (a sequence number takes an hour to come round), duplicates are reported by DSACK,
and each segment stays 12 bytes shorter.
"""
