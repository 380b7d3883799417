"""The page that shows what a local network does, and the packets that it follows for it."""
