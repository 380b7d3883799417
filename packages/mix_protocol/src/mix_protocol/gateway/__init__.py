"""What a client and its entry gateway say to each other over a WebSocket.

`control` has the text frames and `binary` the sealed ones; `handshake` agrees on their key, `authentication` proves it
later. `client` and `server` are the two sides of a connection, `registry` is what a gateway remembers of its clients.
"""
