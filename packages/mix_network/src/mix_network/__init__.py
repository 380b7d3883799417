"""The nodes of a mixnet: directory, gateways, mix nodes, exit."""
