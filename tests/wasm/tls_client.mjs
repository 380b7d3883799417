// Shakes hands from inside Pyodide with a native TLS server, once a case; prints the verdicts as JSON.
// usage: node tls_client.mjs PYODIDE_DIRECTORY WHEEL_DIRECTORY INPUT.json
// INPUT.json: {"port", "authority", "cases": [{"host", "version"}]}; a connection begins with the case's number as a line.
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [pyodide, wheels, input] = process.argv.slice(2);
const { port, authority, cases } = JSON.parse(fs.readFileSync(input, "utf8"));
const { loadPyodide } = await import(pathToFileURL(path.join(pyodide, "pyodide.mjs")));
const py = await loadPyodide();
for (const file of fs.readdirSync(wheels).filter((name) => name.startsWith("ossl-"))) {
  py.unpackArchive(new Uint8Array(fs.readFileSync(path.join(wheels, file))), "wheel");
}
py.runPython(`
import ossl
ssl = ossl.install()

class Client:
    """One handshake, fed with what the server sends."""

    def __init__(self, authority, host, version):
        context = ssl.create_default_context(cadata=authority)
        context.hostname_checks_common_name = False  # as browsers and our tunnel
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.connection = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)
        self.verdict = None
        self.message = ""

    def step(self, data):
        self.incoming.write(data.to_bytes())
        try:
            self.connection.do_handshake()
            self.verdict = 0
            self.message = self.connection.version()
            self.connection.write(b"done")
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            self.verdict = error.verify_code
            self.message = error.verify_message
        except ssl.SSLError as error:
            self.verdict = -1
            self.message = str(error)
        return self.outgoing.read()
`);
const Client = py.globals.get("Client");

function runCase({ host, version }, number) {
  return new Promise((resolve, reject) => {
    const client = Client(authority, host, version);
    const socket = net.connect(port, "127.0.0.1");
    const step = (data) => {
      const out = client.step(data);
      socket.write(out.toJs());
      if (client.verdict !== undefined) {
        socket.end();
        resolve({ verdict: client.verdict, message: client.message });
      }
    };
    socket.on("connect", () => {
      socket.write(`${number}\n`);
      step(new Uint8Array(0));
    });
    socket.on("data", (data) => client.verdict === undefined && step(new Uint8Array(data)));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`the server closed in the middle of case ${number}`)));
  });
}

const verdicts = [];
for (const [number, one] of cases.entries()) {
  verdicts.push(await runCase(one, number));
}
console.log(JSON.stringify(verdicts));
process.exit(0);
