"""The directory: tells clients which nodes there are, over http and https."""
