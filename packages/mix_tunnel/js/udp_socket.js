import { TunnelClosed } from "./errors.js";
import { callTunnel } from "./facade.js";
import { decodeRecords, encodeRecord } from "./records.js";
import { checkDatagram, checkHost, checkPort, checkSignal } from "./socket_arguments.js";
import { UploadPipe } from "./upload_pipe.js";

/** @import { Datagram, UdpSocket } from "./index.js" */
/** @import { MixRecord } from "./records.js" */

/** A record's kind; its payload is the length of the host (u8), the host (UTF-8), the port (u16) and the data. */
const DATAGRAM = 1;
const MAX_RECORD_BYTES = 1 + 255 + 2 + 65_507;

/**
 * @param {string | undefined} tunnel
 * @param {{ signal?: AbortSignal | undefined }} options
 * @returns {Promise<UdpSocket>}
 */
export async function openUdp(tunnel, { signal }) {
  checkSignal(signal)?.throwIfAborted();
  const life = new AbortController();
  const stop = () => life.abort(signal?.reason);
  signal?.addEventListener("abort", stop);
  const release = () => signal?.removeEventListener("abort", stop);
  const pipe = new UploadPipe(encodeDatagram);
  try {
    const { body, ended } = await callTunnel("socket.udp", {}, { upload: pipe.upload, signal: life.signal, tunnel });
    const records = /** @type {ReadableStream<Uint8Array>} */ (body).pipeThrough(decodeRecords(MAX_RECORD_BYTES));
    const datagrams = new TransformStream({
      transform: (record, controller) => controller.enqueue(decodeDatagram(record)),
    });
    const end = new TunnelClosed("this socket has been closed");
    const closed = ended.finally(release).catch((error) => {
      if (error !== end) {
        throw error;
      }
    });
    closed.catch(() => {}); // the streams tell it as well
    return {
      readable: records.pipeThrough(datagrams),
      writable: pipe.open(closed, Promise.resolve()),
      closed,
      close: async () => {
        await pipe.end(end);
        life.abort(end);
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** @param {Datagram} datagram */
function encodeDatagram({ data, host, port }) {
  const bytes = checkDatagram(data);
  checkPort(port);
  const name = new TextEncoder().encode(checkHost(host));
  const payload = new Uint8Array(1 + name.byteLength + 2 + bytes.byteLength);
  payload[0] = name.byteLength;
  payload.set(name, 1);
  new DataView(payload.buffer).setUint16(1 + name.byteLength, port);
  payload.set(bytes, 1 + name.byteLength + 2);
  return encodeRecord(DATAGRAM, payload);
}

/**
 * @param {MixRecord} record
 * @returns {Datagram}
 */
function decodeDatagram({ payload }) {
  const end = 1 + /** @type {number} */ (payload[0]);
  const host = new TextDecoder().decode(payload.subarray(1, end));
  const port = new DataView(payload.buffer, payload.byteOffset).getUint16(end);
  return { data: payload.subarray(end + 2), host, port };
}
