"""The exit gateway's IP packet router: IP packets inside mixnet messages.

`lp` frames every message, `requests` and `responses` are what the frames hold, `bundle` packs several IP packets into
one of them. `client` is the user's side and `router` the exit's; both know nothing of how messages travel.
"""
