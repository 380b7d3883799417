"""A mix node: incoming → processing → delay queue → outgoing."""
