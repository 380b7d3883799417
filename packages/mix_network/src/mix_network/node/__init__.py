"""A node as others see it, whatever its roles are."""
