"""Messages between clients: fragments, acknowledgements, reply SURBs, and the packets that carry them."""
