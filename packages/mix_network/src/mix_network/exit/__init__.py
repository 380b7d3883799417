"""The exit gateway: a gateway with an IP packet router that forwards by userspace NAT."""
