// The published messaging SDK as its README shows it. The test drives it through window.messaging.
import { createNymMixnetClient } from "@nymproject/sdk";

const clients = new Map();
const received = { text: [], bytes: [] };

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

window.messaging = {
  received,
  /** Start a client; gives its address once it is connected. */
  async start(name, options) {
    const nym = await createNymMixnetClient();
    nym.events.subscribeToTextMessageReceivedEvent(({ args }) => received.text.push({ name, text: args.payload }));
    nym.events.subscribeToBinaryMessageReceivedEvent(async ({ args }) => {
      received.bytes.push({ name, size: args.payload.length, sha256: await sha256(new Uint8Array(args.payload)) });
    });
    const connected = new Promise((resolve) => nym.events.subscribeToConnected(resolve));
    await nym.client.start({ clientId: name, ...options });
    clients.set(name, nym.client);
    return (await connected).args.address;
  },
  sendText: (name, recipient, message) =>
    clients.get(name).send({ payload: { message, mimeType: "text/plain" }, recipient }),
  sendBytes: (name, recipient, message) =>
    clients.get(name).send({ payload: { message: new Uint8Array(message) }, recipient }),
};
document.title = "ready";
