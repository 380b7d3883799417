"""DNS lookups through a mixnet."""
