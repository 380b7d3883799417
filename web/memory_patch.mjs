// How one memory differs from another, in 32-bit words; `mix-tunnel/snapshot.js` applies it.

/**
 * The patch in 32-bit words, little-endian: the bytes of the result, the number of pieces, how many words each leaves as
 * they are and how many it changes, by turns; then all changed words.
 *
 * @param {Uint8Array} before
 * @param {Uint8Array} after no shorter
 * @returns {Uint8Array}
 */
export function makePatch(before, after) {
  const padded = new Uint8Array(after.length);
  padded.set(before);
  const [old, fresh] = [padded, after].map((bytes) => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4));
  const pieces = [];
  const changed = [];
  for (let at = 0, same = 0; at < fresh.length; ) {
    if (old[at] === fresh[at]) {
      at += 1;
      continue;
    }
    const start = at;
    while (at < fresh.length && old[at] !== fresh[at]) {
      changed.push(fresh[at]);
      at += 1;
    }
    pieces.push(start - same, at - start);
    same = at;
  }
  const words = new Uint32Array(2 + pieces.length + changed.length);
  words.set([after.length, pieces.length / 2]);
  words.set(pieces, 2);
  words.set(changed, 2 + pieces.length);
  return new Uint8Array(words.buffer);
}
