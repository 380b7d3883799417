// Reads and writes what WebAssembly modules are made of.

/** Reads a module's bytes. */
export class Reader {
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

  /** Go past numbers of any size. */
  pass(count = 1) {
    for (; count > 0; count -= 1) {
      while (this.bytes[this.at++] >= 0x80) {}
    }
  }

  /** @param {number} count */
  take(count) {
    return this.bytes.subarray(this.at, (this.at += count));
  }

  /** A name. */
  text() {
    return new TextDecoder().decode(this.take(this.number()));
  }
}

/** @param {number} value */
export function encodeNumber(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) {
    bytes.push((value % 0x80) | 0x80);
  }
  return Uint8Array.from([...bytes, value]);
}

/**
 * A module's sections: what they are, where their content begins and ends, and where they begin themselves.
 *
 * @param {Uint8Array} module
 * @returns {Generator<{ kind: number, start: number, at: number, end: number }>}
 */
export function* readSections(module) {
  const reader = new Reader(module, 8);
  while (reader.at < module.length) {
    const start = reader.at;
    const [kind] = reader.take(1);
    const size = reader.number();
    yield { kind, start, at: reader.at, end: reader.at + size };
    reader.at += size;
  }
}
