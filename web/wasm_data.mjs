// Takes out of a WebAssembly module the data that a snapshot of its memory brings as well.

const DATA = 11;
const I32_CONST = 0x41;
const END = 0x0b;

/** Reads a module's bytes. */
class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** An unsigned number, or a signed one as it is written in code, in LEB128. */
  number(isSigned = false) {
    let [value, bits, byte] = [0, 0, 0x80];
    for (; byte >= 0x80; bits += 7) {
      byte = this.bytes[this.at++];
      value += (byte & 0x7f) * 2 ** bits;
    }
    return isSigned && byte & 0x40 ? value - 2 ** bits : value;
  }

  /** @param {number} count */
  take(count) {
    return this.bytes.subarray(this.at, (this.at += count));
  }
}

/** @param {number} value */
function encodeNumber(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) {
    bytes.push((value % 0x80) | 0x80);
  }
  return Uint8Array.from([...bytes, value]);
}

/** The active data segments of a data section. */
function* readSegments(section) {
  const reader = new Reader(section);
  for (let count = reader.number(); count > 0; count -= 1) {
    const start = reader.at;
    if (reader.number() !== 0 || reader.take(1)[0] !== I32_CONST) {
      throw new Error("a data segment is not at a fixed address");
    }
    const address = reader.number(true);
    if (reader.take(1)[0] !== END) {
      throw new Error("a data segment's address is an expression");
    }
    const content = reader.take(reader.number());
    yield { address, content, encoded: section.subarray(start, reader.at) };
  }
}

/**
 * A module with only those data segments that differ in the memory, emptied of the others, with their number unchanged.
 *
 * @param {Uint8Array} module
 * @param {Uint8Array} memory
 * @returns {{ module: Uint8Array, left: [start: number, end: number][] }} left -- where the memory has what was left out
 */
export function withoutData(module, memory) {
  const parts = [module.subarray(0, 8)];
  /** @type {[number, number][]} */
  const left = [];
  const reader = new Reader(module, 8);
  while (reader.at < module.length) {
    const start = reader.at;
    const [kind] = reader.take(1);
    const section = reader.take(reader.number());
    if (kind !== DATA) {
      parts.push(module.subarray(start, reader.at));
      continue;
    }
    const segments = [...readSegments(section)];
    const kept = segments.map(({ address, content, encoded }) => {
      const end = address + content.length;
      if (Buffer.compare(content, memory.subarray(address, end)) !== 0) {
        return encoded;
      }
      const last = left.at(-1);
      if (last !== undefined && last[1] <= address && memory.subarray(last[1], address).every((byte) => byte === 0)) {
        last[1] = end;
      } else {
        left.push([address, end]);
      }
      return Uint8Array.of(0, I32_CONST, 0, END, 0);
    });
    const body = Buffer.concat([encodeNumber(segments.length), ...kept]);
    parts.push(Uint8Array.of(DATA), encodeNumber(body.length), body);
  }
  return { module: Buffer.concat(parts), left };
}
