// Installs mix_fetch with micropip from build/pyodide, in a Node that may not reach for any network.
// usage: node offline.mjs PYODIDE_DIRECTORY PACKAGE...
import dns from "node:dns";
import net from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [directory, ...packages] = process.argv.slice(2);
const attempts = [];
function refuse(what) {
  attempts.push(String(what));
  throw new Error(`network attempt: ${what}`);
}
globalThis.fetch = async (resource) => refuse(resource?.url ?? resource);
net.Socket.prototype.connect = (...words) => refuse(JSON.stringify(words[0]));
dns.lookup = (name) => refuse(name);

const { loadPyodide } = await import(pathToFileURL(path.join(directory, "pyodide.mjs")));
const py = await loadPyodide({ indexURL: `${directory}/`, packages: ["micropip"] });
py.globals.set("wanted", py.toPy(packages));
const result = await py.runPythonAsync(`
import sys, traceback

async def install():
    import micropip
    try:
        await micropip.install(wanted)
        import mix_fetch, mix_tunnel.worker.main
        import ossl
        ssl = ossl.install()
        from mix_protocol.crypto.worker import WorkerCrypto
        assert WorkerCrypto().blake3(b"").hex().startswith("af1349b9")
        return {"installed": sorted(micropip.list()), "openssl": ssl.OPENSSL_VERSION}
    except Exception as error:
        return {"error": "".join(traceback.format_exception(error))}

import json
json.dumps(await install())
`);
console.log(JSON.stringify({ ...JSON.parse(result), attempts }));
process.exit(0);
