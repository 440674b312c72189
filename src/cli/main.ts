#!/usr/bin/env node
/** `cairn`: the command line. Puts the session together; everything else is in `program.ts` and `commands/`. */
import "../runtime/demand-node.ts";
import { createRequire } from "node:module";
import { isatty } from "node:tty";
import pc from "picocolors";
import { CairnClient } from "../client/client.ts";
import { systemClock } from "../runtime/clock.ts";
import { commandAsTyped, loadConfig } from "../runtime/config.ts";
import { findApi } from "./api-address.ts";
import { become } from "./become.ts";
import { runProgram } from "./program.ts";
import type { Session } from "./session.ts";

const { version } = createRequire(import.meta.url)("cairn-scheduler/package.json") as { version: string };
const { stdin, stdout, stderr } = process;

// A reader that has seen enough (`| head`) is no error; nothing more can be said then.
stdout.on("error", () => process.exit(0));
stderr.on("error", () => undefined);

async function readAll(): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stdin as AsyncIterable<Uint8Array>) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

const session: Session = {
  out: async (data) => {
    await new Promise<void>((resolve) => stdout.write(data, () => resolve()));
  },
  say: (line) => void stderr.write(`${line}\n`),
  draw: (text) => void stderr.write(text),
  terminal: { out: isatty(1), err: isatty(2), columns: isatty(2) && stderr.columns > 0 ? stderr.columns : 80 },
  colors: pc.createColors(isatty(1) && pc.isColorSupported),
  readStdin: readAll,
  clock: systemClock,
  typed: commandAsTyped(),
  client: (options) => {
    const config = loadConfig(options);
    const headers: Record<string, string> = config.caller === undefined ? {} : { "Cairn-Caller": config.caller };
    return new CairnClient({ url: findApi(config).url, headers });
  },
  become,
};

process.exitCode = await runProgram(session, process.argv.slice(2), version);
