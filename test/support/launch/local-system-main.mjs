/**
 * What start.mjs does after the preparation, with stand-ins for the API and the workers. Its settings are the first
 * argument, as JSON: {dataDir, port, api, worker}.
 */
import { randomBytes } from "node:crypto";
import { dev } from "../../../dist/src/launch/dev.js";
import { takeDataFolder } from "../../../src/launch/data-folder.mjs";
import { requireRedis } from "../../../src/launch/find-redis.mjs";
import { npmParent } from "../../../src/launch/started-by-npm.mjs";

const settings = JSON.parse(process.argv[2]);
const say = (line) => console.error(line);
const taken = await takeDataFolder(settings.dataDir, say);
if (taken.kind === "taken") {
  say(taken.message);
  process.exit(1);
}
const code = await dev({
  dataDir: settings.dataDir,
  port: settings.port,
  workers: 3,
  redis: { kind: "private", server: requireRedis() },
  commands: { api: settings.api, worker: (id) => [...settings.worker, "--id", id] },
  env: process.env,
  drainMs: 60_000,
  parent: npmParent(),
  lock: taken.lock,
  guard: taken.guard,
  randomPart: () => randomBytes(3).toString("hex"),
  print: (text) => console.log(text),
  say,
});
process.exit(code);
