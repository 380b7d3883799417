"""What a node tells about itself over HTTP (`/api/v1`, `/api/v2`), and what it asks of a directory: written and read.

Keys are base58 text and addresses text in these documents, as in `mix_protocol.topology`, whose types they share.
"""
