// Records inside a body's stream; the bytes are those of tests/unit/mix_tunnel/rpc/test_records.py.
import assert from "node:assert/strict";
import { test } from "node:test";

import { RecordDecoder, decodeRecords, encodeRecord } from "../../../packages/mix_tunnel/js/records.js";

const HELLO = Uint8Array.of(1, 0, 0, 0, 5, ...new TextEncoder().encode("hello"));
const textOf = (record) => `${record.kind}:${new TextDecoder().decode(record.payload)}`;

test("layout", () => {
  assert.deepEqual(encodeRecord(1, HELLO.subarray(5)), HELLO);
  assert.deepEqual(encodeRecord(255), Uint8Array.of(255, 0, 0, 0, 0));
});

test("records come back whatever the pieces", () => {
  const stream = new Uint8Array([...HELLO, ...encodeRecord(2), ...encodeRecord(3, HELLO)]);
  for (let size = 1; size <= stream.length; size++) {
    const decoder = new RecordDecoder(10);
    const records = [];
    for (let start = 0; start < stream.length; start += size) {
      records.push(...decoder.receive(stream.subarray(start, start + size)));
    }
    decoder.end();
    assert.deepEqual(records.map(textOf), ["1:hello", "2:", `3:${textOf({ kind: 1, payload: HELLO }).slice(2)}`]);
  }
});

test("a record's payload is not the piece that it came in", () => {
  const piece = HELLO.slice();
  const [record] = new RecordDecoder(5).receive(piece);
  piece.fill(0);
  assert.equal(textOf(record), "1:hello");
});

test("a record that is too large is refused by its head", () => {
  assert.throws(() => new RecordDecoder(4).receive(HELLO.subarray(0, 5)), RangeError);
});

test("a stream of records, and one that ends inside a record", async () => {
  const body = new Blob([HELLO, HELLO.subarray(0, 3)]).stream();
  const reader = body.pipeThrough(decodeRecords(5)).getReader();
  assert.equal(textOf((await reader.read()).value), "1:hello");
  await assert.rejects(reader.read(), RangeError);
});
