"""Commands for a running network, over a Unix socket.

A socket file, rather than a port of 127.0.0.1 with a token: the system's permissions say who may command (this user
alone), no secret has to be kept, and no web page can reach it, whatever name it calls this machine.
"""
