"""Calls between a page and the worker that holds the tunnel: messages, the server, and endpoints to carry them.

    page   -> worker    call, chunk (of a request's body), credit (for a response's body), cancel
    worker -> page      result or error, chunk (of a response's body), credit (for a request's body), event

Every call has an id of the caller's choice and ends with exactly one last message from the worker: a result without
a body, a chunk marked as the end, or an error. A body's bytes flow only as far as its receiver has granted credit.
"""
