"""A gateway: clients' WebSocket on one side, the mixnet on the other."""
