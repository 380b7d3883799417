/**
 * What both clients' pages do: start as the address asks, note when, and hold the client for the measurements.
 *
 * @typedef {object} Client
 * @property {() => Promise<unknown>} preload start the worker before it is needed; resolves when it is ready
 * @property {() => Promise<unknown>} workerReady resolves when the worker is ready, whoever started it
 * @property {(options: Record<string, unknown>) => Promise<unknown>} setup
 * @property {(url: string, init?: object) => Promise<Response>} fetch
 * @property {(name: string) => Promise<unknown>} resolve
 * @property {(url: string) => Promise<EchoSocket>} webSocket an open one
 *
 * @typedef {{ echo: (data: Uint8Array) => Promise<unknown>, close: () => unknown }} EchoSocket
 */

/** @param {Client} client */
export function hold(client) {
  const asked = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  window.bench = { client, started: start(client, asked) };
}

/**
 * All of these are milliseconds since the navigation began.
 *
 * @param {Client} client
 * @param {{ preload?: boolean, setup?: Record<string, unknown>, fetch?: string }} asked
 */
async function start(client, asked) {
  /** @type {Record<string, number>} */
  const marks = {};
  const note = (name) => void (marks[name] = performance.now());
  if (asked.preload) {
    await client.preload();
    note("workerReady");
  }
  if (asked.setup) {
    const worker = client.workerReady().then(() => note("workerReady"));
    await client.setup(asked.setup);
    note("tunnelReady");
    await worker;
  }
  if (asked.fetch) {
    const { body } = await client.fetch(asked.fetch);
    await body.getReader().read();
    note("firstByte");
  }
  return marks;
}

/**
 * @param {WebSocket} socket anything with WebSocket's events, open already
 * @returns {EchoSocket}
 */
export function echoing(socket) {
  return {
    async echo(data) {
      const answer = new Promise((resolve, reject) => {
        socket.addEventListener("message", resolve, { once: true });
        socket.addEventListener("close", () => reject(new Error("the WebSocket was closed")), { once: true });
      });
      await socket.send(data);
      await answer;
    },
    close: () => socket.close(),
  };
}
