"""HTTP/1.1 and HTTP/2 through the tunnel: requests, streamed responses, redirects, kept-alive connections."""

from .client import HttpClient
from .options import HttpOptions
from .request import HttpRequest, HttpTimeouts
from .response import HttpResponse
from .url import HttpUrl

__all__ = ["HttpClient", "HttpOptions", "HttpRequest", "HttpResponse", "HttpTimeouts", "HttpUrl"]
