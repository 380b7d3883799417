"""The mixnet client: a machine without I/O that sends messages in Sphinx packets and receives replies."""
