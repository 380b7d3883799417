#!/usr/bin/env node
// npx mix-network-testing [OPTIONS OF mix-network up] -- COMMAND …: runs a command beside a mixnet of its own.

import { spawn } from "node:child_process";

import { MixNetworkError, findCommand, startMixNetwork } from "./index.mjs";

const USAGE = `usage: mix-network-testing [OPTIONS OF mix-network up] [-- COMMAND ARGUMENTS …]

Starts a mixnet and runs the command, which finds it by the environment:
  MIX_DIRECTORY_URL   the directory's API
  MIX_NETWORK         everything that mix-network up --json says
Without a command the network runs until Ctrl-C, and shows what it does.

  npx mix-network-testing --mixes 3x2 -- npm test
`;

/** @param {import("node:child_process").ChildProcess} child */
const endOf = (child) => new Promise((resolve, reject) => {
  child.once("error", reject);
  child.once("close", (code, signal) => resolve(signal ? 128 : code ?? 0));
});

async function main() {
  const given = process.argv.slice(2);
  const border = given.indexOf("--");
  const options = border < 0 ? given : given.slice(0, border);
  if (options.includes("--help") || options.includes("-h")) {
    process.stdout.write(USAGE);
    return 0;
  }
  const command = await findCommand();
  if (border < 0) return endOf(spawn(command[0], [...command.slice(1), "up", ...options], { stdio: "inherit" }));
  const [program, ...programArguments] = given.slice(border + 1);
  if (!program) {
    process.stderr.write(USAGE);
    return 2;
  }
  const network = await startMixNetwork({ command, arguments: options });
  try {
    const environment = {
      ...process.env, MIX_DIRECTORY_URL: network.directoryUrl, MIX_NETWORK: JSON.stringify(network.description),
    };
    return await endOf(spawn(program, programArguments, { stdio: "inherit", env: environment }));
  } finally {
    await network.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const told = error instanceof MixNetworkError || (error instanceof Error && "syscall" in error);
  process.stderr.write(told ? `mix-network-testing: ${error.message}\n` : `${error?.stack ?? error}\n`);
  process.exitCode = 1;
}
