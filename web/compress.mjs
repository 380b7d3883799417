// Compresses files with Brotli and gzip, as small as can be: FILE -> OUTPUT_DIRECTORY/SHA256.br and SHA256.gz, several at a time.
// usage: node compress.mjs OUTPUT_DIRECTORY < list of files, one a line
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import zlib from "node:zlib";

const { BROTLI_PARAM_LGWIN, BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);
const [output] = process.argv.slice(2);
const waiting = fs.readFileSync(0, "utf8").split("\n").filter(Boolean);

/** Put a file in its place at once, for others may look for it. */
function put(name, content) {
  const temporary = path.join(output, `.${name}.${process.pid}`);
  fs.writeFileSync(temporary, content);
  fs.renameSync(temporary, path.join(output, name));
}

async function work() {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    const content = fs.readFileSync(file);
    const digest = createHash("sha256").update(content).digest("hex");
    const params = {
      [BROTLI_PARAM_QUALITY]: 11, // a minute for the largest; made once for each content
      [BROTLI_PARAM_LGWIN]: 24, // the most that browsers take
      [BROTLI_PARAM_SIZE_HINT]: content.length,
    };
    put(`${digest}.br`, await brotli(content, { params }));
    put(`${digest}.gz`, await gzip(content, { level: 9 }));
  }
}

await Promise.all(Array.from({ length: os.availableParallelism() }, work));
