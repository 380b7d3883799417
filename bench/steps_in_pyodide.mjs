// Runs steps_speed.py inside Pyodide, with the wheels that pages get: node steps_in_pyodide.mjs [certificate.pem key.pem]
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const here = import.meta.dirname;
const distribution = path.resolve(here, "../web/dist/mix-tunnel/pyodide");
const { loadPyodide } = await import(pathToFileURL(path.join(distribution, "pyodide.mjs")).href);
const python = await loadPyodide({ indexURL: distribution + path.sep, packages: ["mix-tunnel"] });
python.runPython("import ossl; ossl.install()");
const files = process.argv.slice(2).map((file, number) => {
  python.FS.writeFile(`/tmp/${number}.pem`, fs.readFileSync(file));
  return `/tmp/${number}.pem`;
});
const names = python.toPy({ __name__: "steps" });
python.runPython(fs.readFileSync(path.join(here, "steps_speed.py"), "utf8"), { globals: names });
console.log(await names.get("main")(...files));
process.exit(0); // Pyodide keeps timers alive
