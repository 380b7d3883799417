import { onTunnelState } from "mix-tunnel";
import { MixWebSocket } from "mix-websocket";

import { field, find, make, showStatus } from "./elements.js";
import { showFailure } from "./failure.js";
import { formatBytes, formatDuration } from "./format.js";
import { log } from "./log.js";
import { rememberForm } from "./remembering.js";
import { startBurst } from "./websocket_burst.js";

/** @import { Playground } from "./playground.js" */

const MAX_LINES = 100;
const MAX_SHOWN = 500;

/**
 * Make the panel that talks over a WebSocket.
 *
 * @param {Playground | null} playground
 */
export function startWebSocketPanel(playground) {
  const form = /** @type {HTMLFormElement} */ (find("socket-form"));
  const connect = /** @type {HTMLButtonElement} */ (find("socket-connect"));
  const disconnect = /** @type {HTMLButtonElement} */ (find("socket-close"));
  const send = /** @type {HTMLButtonElement} */ (find("socket-send"));
  const burst = startBurst();
  let isTunnelReady = false;
  /** @type {MixWebSocket | null} */
  let socket = null;

  const update = () => {
    const state = socket?.readyState ?? MixWebSocket.CLOSED;
    connect.disabled = !isTunnelReady || state !== MixWebSocket.CLOSED;
    disconnect.disabled = state !== MixWebSocket.OPEN && state !== MixWebSocket.CONNECTING;
    send.disabled = state !== MixWebSocket.OPEN;
    burst.use(state === MixWebSocket.OPEN ? socket : null);
  };
  onTunnelState(({ state }) => {
    isTunnelReady = state === "ready";
    update();
  });
  field("socket-url").value = playground ? `${playground.site.https.replace(/^http/, "ws")}/echo` : "";
  rememberForm(form, playground?.site.https ?? "");

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (connect.disabled) {
      return;
    }
    const protocols = field("socket-protocols").value.split(/[\s,]+/).filter((each) => each !== "");
    showFailure(find("socket-error"), null);
    find("socket-lines").replaceChildren();
    try {
      socket = open(field("socket-url").value, protocols, update, burst.isEcho);
    } catch (error) {
      showFailure(find("socket-error"), error);
    }
    update();
  });
  disconnect.addEventListener("click", () => {
    const code = field("socket-code").valueAsNumber;
    // What the arguments may be is checked at once; what comes of closing is told by the close event.
    const closing = async () => socket?.close(code, field("socket-reason").value);
    closing().catch((error) => showFailure(find("socket-error"), error)).finally(update);
  });
  find("socket-talk").addEventListener("submit", (event) => {
    event.preventDefault();
    if (socket && !send.disabled) {
      const text = field("socket-text").value;
      socket.send(text).then(() => addLine("out", text), (error) => showFailure(find("socket-error"), error));
    }
  });
  find("socket").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && socket?.readyState === MixWebSocket.CONNECTING) {
      void socket.close();
    }
  });
  update();
}

/**
 * @param {string} url
 * @param {string[]} protocols
 * @param {() => void} onChange
 * @param {(data: unknown) => boolean} isHidden whether a message is not for the list
 */
function open(url, protocols, onChange, isHidden) {
  const started = performance.now();
  const socket = new MixWebSocket(url, protocols);
  socket.binaryType = "arraybuffer";
  showStatus(find("socket-status"), "connecting…", "busy");
  log(`WebSocket ${url}`);
  socket.addEventListener("open", () => {
    const took = formatDuration(performance.now() - started);
    const isCompressed = socket.extensions.startsWith("permessage-deflate");
    const parts = [`open after ${took}`, socket.protocol, isCompressed ? "compressed" : ""];
    showStatus(find("socket-status"), parts.filter((each) => each !== "").join(", "), "good");
    log(`WebSocket open after ${took}`);
    onChange();
  });
  socket.addEventListener("message", ({ data }) => {
    if (!isHidden(data)) {
      addLine("in", typeof data === "string" ? data : `${formatBytes(data.byteLength)} of binary data`);
    }
  });
  socket.addEventListener("error", ({ error, message }) => {
    showFailure(find("socket-error"), error ?? new Error(message));
    log(`WebSocket: ${message}`, "bad");
  });
  socket.addEventListener("close", ({ code, reason, wasClean }) => {
    const text = `closed with code ${code}${reason ? ` (${reason})` : ""}${wasClean ? "" : ", not cleanly"}`;
    showStatus(find("socket-status"), text, wasClean ? "" : "bad");
    log(`WebSocket ${text}`, wasClean ? "" : "bad");
    onChange();
  });
  return socket;
}

/**
 * @param {"in" | "out"} direction
 * @param {string} text
 */
function addLine(direction, text) {
  const list = find("socket-lines");
  const shown = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  list.append(make("li", direction, make("span", "way", direction === "out" ? "sent" : "came"), " ", shown));
  if (list.childElementCount > MAX_LINES) {
    list.firstElementChild?.remove();
  }
  list.scrollTop = list.scrollHeight;
}
