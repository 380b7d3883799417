import { execFile, spawn } from "node:child_process";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

const READY_MS = 60_000;
const PROBE_MS = 20_000;
const ANSWER_MS = 60_000;
const END_MS = 10_000;
const APP_NAME = "app.test";
const KEPT_LINES = 20;

export class MixNetworkError extends Error {
  /**
   * @param {string} message
   * @param {{ code: string, fields?: Record<string, unknown>, cause?: unknown }} options
   */
  constructor(message, { code, fields = {}, cause }) {
    super(message, { cause });
    this.name = "MixNetworkError";
    this.code = code;
    this.fields = fields;
  }
}

/** Where `mix-network` may be, likeliest first. */
function candidates() {
  const environment = process.env.VIRTUAL_ENV;
  return [
    ...(process.env.MIX_NETWORK_COMMAND ? [process.env.MIX_NETWORK_COMMAND.split(" ").filter(Boolean)] : []),
    ...(environment ? [[join(environment, "bin", "mix-network")]] : []),
    ["mix-network"],
    [join(".venv", "bin", "mix-network")],
    ["python3", "-m", "mix_network"],
    ["python", "-m", "mix_network"],
  ];
}

/** @param {string[]} command */
function isMixNetwork([program, ...more]) {
  return new Promise((resolve) => {
    execFile(program, [...more, "--version"], { timeout: PROBE_MS }, (error, output) => {
      resolve(!error && output.startsWith("mix-network "));
    });
  });
}

/** The command that starts `mix-network`. */
export async function findCommand() {
  for (const command of candidates()) {
    if (await isMixNetwork(command)) return command;
  }
  throw new MixNetworkError(
    "mix-network is not there: install it by `python3 -m pip install mix_network`, into .venv or an active environment, "
      + "or say where it is by the option command or MIX_NETWORK_COMMAND",
    { code: "testing.not_installed", fields: { tried: candidates().map((command) => command.join(" ")) } },
  );
}

/** The arguments of `mix-network up` for options. */
export function argumentsFor({
  mixes, entries, exits, epoch, link, allowLocal = true, allowOrigins = [], hosts = { [APP_NAME]: "127.0.0.1" },
  arguments: more = [],
} = {}) {
  const given = Object.entries({ mixes, entries, exits, epoch, link }).filter(([, value]) => value !== undefined);
  const names = Object.entries(hosts);
  return [
    ...given.flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...(allowLocal === true ? ["--allow-local"] : allowLocal ? ["--allow-local", allowLocal.join(",")] : []),
    ...allowOrigins.flatMap((origin) => ["--allow-origin", origin]),
    ...names.flatMap(([name, address]) => ["--host", `${name}=${address}`]),
    ...(names.length ? ["--dns", "none"] : []),
    ...more,
  ];
}

class Network {
  #child;
  #ended;

  constructor(description, child, ended) {
    this.description = description;
    this.directoryUrl = description.directory.http;
    this.statusUrl = description.status;
    this.#child = child;
    this.#ended = ended;
  }

  status() {
    return this.#command({ verb: "status" });
  }

  async addMix(layer) {
    return (await this.#command({ verb: "add-mix", layer })).node;
  }

  async kill(node) {
    await this.#command({ verb: "kill", node });
  }

  async restart(node) {
    await this.#command({ verb: "restart", node });
  }

  async stop(node) {
    await this.#command({ verb: "stop", node });
  }

  async slow(node, link) {
    await this.#command({ verb: "slow", node, link });
  }

  async resume(node) {
    await this.#command({ verb: "resume", node });
  }

  async rotateKeys() {
    return (await this.#command({ verb: "rotate-keys" })).rotation;
  }

  async setLink(link) {
    await this.#command({ verb: "set-link", link });
  }

  async close() {
    const child = this.#child;
    child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** One line of JSON asks, and one answers. */
  #command(command) {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return Promise.reject(new MixNetworkError("the network has ended", { code: "testing.ended" }));
    }
    return new Promise((resolve, reject) => {
      const socket = connect(this.description.control);
      let text = "";
      const fail = (cause) => {
        socket.destroy();
        reject(new MixNetworkError("the network does not answer", { code: "testing.no_answer", cause }));
      };
      socket.setEncoding("utf8");
      socket.setTimeout(ANSWER_MS, () => fail(undefined));
      socket.on("error", fail);
      socket.on("data", (piece) => { text += piece; });
      socket.on("end", () => {
        try {
          const { result, failure } = JSON.parse(text);
          if (failure) reject(new MixNetworkError(failure.message, { code: failure.code, fields: failure.fields }));
          else resolve(result);
        } catch (cause) {
          fail(cause);
        }
      });
      socket.write(`${JSON.stringify(command)}\n`);
    });
  }
}

export async function startMixNetwork(options = {}) {
  const [program, ...before] = options.command ?? await findCommand();
  const timeoutMs = options.timeoutMs ?? READY_MS;
  const child = spawn(program, [...before, "up", "--json", "--until-eof", ...argumentsFor(options)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    said.push(line);
    if (said.length > KEPT_LINES) said.shift();
  });
  // When the network ends first, what is written to it has nowhere to go.
  child.stdin.on("error", () => {});
  const ended = new Promise((resolve) => child.once("close", resolve));
  const line = await new Promise((resolve, reject) => {
    const notReady = (message, cause) => {
      child.kill("SIGKILL");
      const why = said.length ? `: ${said.join("\n")}` : "";
      reject(new MixNetworkError(message + why, { code: "testing.not_ready", cause }));
    };
    const timer = setTimeout(() => notReady(`the network was not ready within ${timeoutMs} ms`), timeoutMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      notReady(`${program} can't be started`, error);
    });
    ended.then((code) => {
      clearTimeout(timer);
      notReady(`the network has ended with ${code} before it was ready`);
    });
    createInterface({ input: child.stdout }).once("line", (first) => {
      clearTimeout(timer);
      resolve(first);
    });
  });
  // A test runner that forgets to close the network can end all the same, and the network ends with it.
  for (const part of [child, child.stdin, child.stdout, child.stderr]) part.unref?.();
  return new Network(JSON.parse(line), child, ended);
}
