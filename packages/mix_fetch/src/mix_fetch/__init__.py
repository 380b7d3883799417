"""Fetch through a mixnet."""
