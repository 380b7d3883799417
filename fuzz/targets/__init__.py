"""What is fuzzed, by layer."""
