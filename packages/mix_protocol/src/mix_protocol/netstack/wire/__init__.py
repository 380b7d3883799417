"""Formats of IPv4, IPv6, UDP, ICMP and TCP: values to bytes and back, with their checksums.

Addresses are packed bytes here (4 for IPv4, 16 for IPv6): they compare and hash fast.
"""
