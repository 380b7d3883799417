"""Programs that find things out about mixnets; nothing of them is in a package."""
