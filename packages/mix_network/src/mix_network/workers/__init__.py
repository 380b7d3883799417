"""Worker processes: one network's packets and clients on more than one core."""
