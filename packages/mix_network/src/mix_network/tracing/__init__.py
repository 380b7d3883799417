"""OpenTelemetry traces of packets, on a local network alone."""
