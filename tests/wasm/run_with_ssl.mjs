// Runs a Python program in Pyodide with the real ssl; what it prints comes out.
// usage: node run_with_ssl.mjs PYODIDE_DIRECTORY WHEEL_DIRECTORY PROGRAM.py GLOBALS.json
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [pyodide, wheels, program, input] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(path.join(pyodide, "pyodide.mjs")));
const py = await loadPyodide();
for (const file of fs.readdirSync(wheels).filter((name) => name.startsWith("ossl-"))) {
  py.unpackArchive(new Uint8Array(fs.readFileSync(path.join(wheels, file))), "wheel");
}
py.runPython("import ossl; ossl.install()");
for (const [name, value] of Object.entries(JSON.parse(fs.readFileSync(input, "utf8")))) {
  py.globals.set(name, value);
}
py.runPython(fs.readFileSync(program, "utf8"));
