#!/usr/bin/env node
/**
 * What `npx cairn` finds. It is there before anything is built: npm remembers a command that it did not find, and would
 * not find it after the build either.
 */
import { existsSync } from "node:fs";
import { ROOT } from "./build.mjs";

const command = new URL("../../dist/src/cli/main.js", import.meta.url);
if (existsSync(command)) {
  await import(command.href);
} else {
  console.error(`Cairn is not built yet. In ${ROOT}: npm start, or npm run build`);
  process.exitCode = 1;
}
