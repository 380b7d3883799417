"""HTTP/1.1 and HTTP/2 through the tunnel: requests, streamed responses, redirects, kept-alive connections."""
