"""Two TLS ends in memory, and `TlsSessions` between their handshakes: runs natively and in Pyodide, prints JSON.

Needs SERVER (key and chain), AUTHORITY (certificate) as PEM and SOURCE (the text of tls_sessions.py) as globals.
"""

import json
import ssl
import sys
import types

module = types.ModuleType("tls_sessions")
sys.modules["tls_sessions"] = module
exec(compile(SOURCE, "tls_sessions.py", "exec"), module.__dict__)  # noqa: F821


class End:
    """One side of a connection."""

    def __init__(self, context, **options):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, **options)
        self.ready = False

    def step(self):
        if not self.ready:
            try:
                self.tls.do_handshake()
                self.ready = True
            except ssl.SSLWantReadError:
                pass

    def read(self):
        try:
            return self.tls.read(100)
        except ssl.SSLWantReadError:
            return b""


def server_context(version):
    with open("server.pem", "w") as file:
        file.write(SERVER)  # noqa: F821
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem")
    context.minimum_version = context.maximum_version = version
    return context


def connect(client_context, server, sessions, host):
    """One connection; returns whether the session was taken up, or the reason why there is none."""
    key = (host, 443)
    client = End(client_context, server_hostname=host, session=sessions.take(key))
    far = End(server, server_side=True)
    for _ in range(6):
        try:
            client.step()
        except ssl.SSLCertVerificationError as error:
            return error.verify_code
        far.incoming.write(client.outgoing.read())
        far.step()
        client.incoming.write(far.outgoing.read())
    far.tls.write(b"word")
    client.incoming.write(far.outgoing.read())
    assert client.read() == b"word"
    kept = sessions.keep(key, client.tls)
    assert client.tls.session_reused == far.tls.session_reused
    return client.tls.session_reused if kept else "nothing kept"


results = {}
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    server = server_context(version)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=AUTHORITY)  # noqa: F821
    sessions = module.TlsSessions()
    results[version.name] = [
        connect(context, server, sessions, host) for host in ("demo.test", "demo.test", "wrong.test", "demo.test")
    ]
print(json.dumps(results))
