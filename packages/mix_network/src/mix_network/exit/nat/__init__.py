"""Userspace NAT: flows end in our own IP stack and continue on the operating system's sockets."""
