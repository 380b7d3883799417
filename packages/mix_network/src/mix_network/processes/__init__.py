"""A local network of which the directory and every node is a process of its own."""
