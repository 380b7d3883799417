"""What programs keep from one run to the next. The only part of the nodes that touches files and SQLite."""
