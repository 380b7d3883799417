"""Bounded readers and writers for the encodings that the mixnet's protocols share."""
