"""How nodes speak to each other: Sphinx packets in frames over a byte stream."""
