"""DNS through the tunnel: questions, answers, cache, transports, and the resolver that puts them together."""
