"""What several test suites share: real processes, real servers."""
