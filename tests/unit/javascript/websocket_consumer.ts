// A stranger's TypeScript against mix-websocket: it has to compile, and its mistakes have to be found.
import { MixWebSocket, setupMixTunnel, type MixWebSocketReadyState, type SetupMixTunnelOpts } from "mix-websocket";

/** What a library takes that was written for the browser's WebSocket. */
type Used = "url" | "readyState" | "bufferedAmount" | "protocol" | "extensions" | "binaryType" | "send" | "close";

async function use(): Promise<number> {
  const options: SetupMixTunnelOpts = {};
  await setupMixTunnel(options);
  const socket = new MixWebSocket(new URL("wss://a.test/"), ["chat"], {
    headers: { Origin: "https://b.test" },
    compression: { clientMaxWindowBits: 10 },
    tunnel: "work",
  });
  const asBrowsers: Pick<WebSocket, Used> = socket;
  await socket.opened();
  socket.addEventListener("message", ({ data }) => console.log(data));
  socket.addEventListener("error", ({ message, error }) => console.log(message, error));
  socket.onclose = ({ code, reason, wasClean }) => console.log(code + 1, reason.length, wasClean);
  await socket.send(new Blob(["x"]));
  await socket.send(Uint8Array.of(1));
  await socket.close(1000, "done");
  const state: MixWebSocketReadyState = socket.readyState;
  return state + (socket.latencyMs ?? 0) + asBrowsers.bufferedAmount + MixWebSocket.CLOSED;
}

// @ts-expect-error: a message
void new MixWebSocket("wss://a.test/").send({});
// @ts-expect-error: a list of subprotocols
void new MixWebSocket("wss://a.test/", 7);
// @ts-expect-error: there is no such option
void new MixWebSocket("wss://a.test/", [], { header: {} });
// @ts-expect-error: a state is read
new MixWebSocket("wss://a.test/").readyState = 1;

void use;
