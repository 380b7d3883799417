/** Records: whole messages inside a body's stream of bytes. `mix_tunnel.rpc.records` is the other end. */

/**
 * @typedef {object} MixRecord
 * @property {number} kind 0 to 255; what it means is the method's affair
 * @property {Uint8Array<ArrayBuffer>} payload
 */

const HEAD_BYTES = 5;

/**
 * A record as it stands in the stream: kind (u8), the payload's length (u32, big-endian), payload.
 *
 * @param {number} kind
 * @param {Uint8Array} [payload]
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeRecord(kind, payload = new Uint8Array(0)) {
  const record = new Uint8Array(HEAD_BYTES + payload.byteLength);
  record[0] = kind;
  new DataView(record.buffer).setUint32(1, payload.byteLength);
  record.set(payload, HEAD_BYTES);
  return record;
}

/** Cuts a stream into records again, whatever pieces it arrives in. */
export class RecordDecoder {
  #head = new Uint8Array(HEAD_BYTES);
  #headFilled = 0;
  #payload = new Uint8Array(0);
  #payloadFilled = 0;
  #maxPayloadBytes;

  /** @param {number} maxPayloadBytes the largest payload accepted; no more than that is ever held */
  constructor(maxPayloadBytes) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /**
   * Take the next piece; the records that are whole with it. Throws a RangeError for one that is too large.
   *
   * @param {Uint8Array} piece
   * @returns {MixRecord[]}
   */
  receive(piece) {
    const records = [];
    while (true) {
      if (this.#headFilled < HEAD_BYTES) {
        const part = piece.subarray(0, HEAD_BYTES - this.#headFilled);
        this.#head.set(part, this.#headFilled);
        this.#headFilled += part.byteLength;
        piece = piece.subarray(part.byteLength);
        if (this.#headFilled < HEAD_BYTES) {
          return records;
        }
        this.#beginPayload();
      }
      const part = piece.subarray(0, this.#payload.byteLength - this.#payloadFilled);
      this.#payload.set(part, this.#payloadFilled);
      this.#payloadFilled += part.byteLength;
      piece = piece.subarray(part.byteLength);
      if (this.#payloadFilled < this.#payload.byteLength) {
        return records;
      }
      records.push({ kind: /** @type {number} */ (this.#head[0]), payload: this.#payload });
      this.#headFilled = 0;
    }
  }

  /** The stream has ended; throws a RangeError if that was inside a record. */
  end() {
    if (this.#headFilled > 0) {
      throw new RangeError("the stream ended inside a record");
    }
  }

  #beginPayload() {
    const length = new DataView(this.#head.buffer).getUint32(1);
    if (length > this.#maxPayloadBytes) {
      throw new RangeError("a record between page and worker is too large");
    }
    this.#payload = new Uint8Array(length);
    this.#payloadFilled = 0;
  }
}

/**
 * Makes records out of a body: `body.pipeThrough(decodeRecords(65536))`.
 *
 * @param {number} maxPayloadBytes
 * @returns {TransformStream<Uint8Array, MixRecord>}
 */
export function decodeRecords(maxPayloadBytes) {
  const decoder = new RecordDecoder(maxPayloadBytes);
  return new TransformStream({
    transform(piece, controller) {
      for (const record of decoder.receive(piece)) {
        controller.enqueue(record);
      }
    },
    flush() {
      decoder.end();
    },
  });
}
