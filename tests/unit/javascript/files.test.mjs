/** The worker's files, from servers that compress and from those that don't. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { checkIntegrity, fetchFile, fetchPacked } from "../../../packages/mix_tunnel/js/files.js";

const CONTENT = Buffer.from("the same words ".repeat(10_000));
/** @type {string[]} */
const asked = [];
let base = "";

const server = createServer((request, response) => {
  const path = request.url ?? "";
  asked.push(path);
  const send = (/** @type {number} */ status, /** @type {Record<string, string>} */ headers, /** @type {any} */ body) => {
    response.writeHead(status, headers).end(body);
  };
  if (path === "/able/file.wasm") {
    send(200, { "Content-Type": "application/wasm", "Content-Encoding": "br" }, brotliCompressSync(CONTENT));
  } else if (path.endsWith("/file.wasm")) {
    send(200, { "Content-Type": "application/wasm" }, CONTENT);
  } else if (path === "/plain/file.wasm.gz") {
    send(200, { "Content-Type": "application/gzip" }, gzipSync(CONTENT));
  } else if (path === "/knowing/file.wasm.gz") {
    send(200, { "Content-Type": "application/wasm", "Content-Encoding": "gzip" }, gzipSync(CONTENT));
  } else {
    send(404, {}, "");
  }
});

before(() => /** @type {Promise<void>} */ (new Promise((resolve) => {
  server.listen(0, "127.0.0.1", () => {
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    base = `http://127.0.0.1:${port}`;
    resolve();
  });
})));
after(() => server.close());

for (const [kind, requests] of [["able", 1], ["plain", 2], ["knowing", 2]]) {
  test(`content and type are the same from a server that is ${kind}`, async () => {
    asked.length = 0;
    const answer = await fetchPacked(new URL(`/${kind}/file.wasm`, base));
    assert.equal(answer.headers.get("Content-Type"), "application/wasm");
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), CONTENT);
    assert.equal(asked.length, requests);
  });
}

test("what is missing is named", async () => {
  await assert.rejects(fetchFile(new URL("/none", base)), { message: "/none cannot be fetched (404)" });
  const missing = fetchPacked(new URL("/lonely/file.wasm", base));
  await assert.rejects(missing, { message: "/lonely/file.wasm.gz cannot be fetched (404)" });
});

test("a byte that differs is noticed", async () => {
  const url = new URL("/file", base);
  const content = new Uint8Array(CONTENT);
  const integrity = `sha256-${createHash("sha256").update(content).digest("base64")}`;
  await checkIntegrity(content.buffer, integrity, url);
  content[5] ^= 1;
  await assert.rejects(checkIntegrity(content.buffer, integrity, url), /^Error: \/file cannot be fetched: what came is not/);
});
