"""Sans-I/O mixnet protocols: both sides of each, sharing one vocabulary."""
