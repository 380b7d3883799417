"""Cryptography behind one seam: the protocols name primitives, a provider computes them."""
