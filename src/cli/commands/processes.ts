/** `cairn dev`, `cairn api`, `cairn worker`: starting things. */
import { randomBytes } from "node:crypto";
import { environmentWith, givenSettings, loadConfig, unknownVariables } from "../../runtime/config.ts";
import { entryOf } from "../become.ts";
import { command, value, type Command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { withLocalRedis } from "../local-system.ts";
import { API_SETTINGS, settingsOf, settingsOptions, STORE_SETTINGS, WORKER_SETTINGS } from "../settings-options.ts";
import { readWhole } from "../values.ts";

export const api: Command = command({
  name: "api",
  group: "Run Cairn",
  summary: "start an API",
  detail: "Any number of them may run side by side on the same Redis. Needs Redis 7 or newer.",
  does: "starts the API's processes",
  args: [],
  options: settingsOptions(API_SETTINGS),
  examples: [
    { line: "cairn api --redis-url redis://127.0.0.1:6379 --port 8080", does: "listens on 127.0.0.1 only" },
    {
      line: "cairn api --host 0.0.0.0 --api-processes 2",
      does: "for other machines, behind a proxy that asks who they are",
    },
  ],
  async run(session, _args, options) {
    return await session.become("api", environmentWith(withLocalRedis(session, settingsOf(options))));
  },
});

export const worker: Command = command({
  name: "worker",
  group: "Run Cairn",
  summary: "start a worker",
  detail:
    "Next to `npm start` or `cairn dev` it finds their Redis by itself, in --data. The first SIGTERM or Ctrl-C " +
    "drains: online requests are finished, batch jobs make a checkpoint and are handed over. The second hurries, the " +
    "third ends at once.",
  does: "starts an agent, which starts replicas, keepers and runners",
  args: [],
  options: settingsOptions(WORKER_SETTINGS),
  examples: [
    { line: "cairn worker --tasks ./tasks.ts", does: "with tasks of your own, besides the built-in ones" },
    {
      line: "cairn worker --redis-url redis://10.0.0.5:6379 --store file:/mnt/cairn --zone a --batch-slots 4",
      does: "on another machine, with the checkpoint store on a shared mount",
    },
  ],
  async run(session, _args, options) {
    return await session.become("worker", environmentWith(withLocalRedis(session, settingsOf(options))));
  },
});

export const store: Command = command({
  name: "store",
  group: "Run Cairn",
  summary: "offer a checkpoint store to machines that share neither a mount nor S3",
  detail:
    "Offers a folder (or an S3 store) over HTTP, write-once, to every API and worker that has its address as --store. " +
    "Beyond this machine it wants CAIRN_STORE_TOKEN, the same on both sides, and TLS from a proxy in front of it.",
  does: "starts a checkpoint store",
  args: [],
  options: settingsOptions(STORE_SETTINGS),
  examples: [
    { line: "cairn store --store file:/srv/cairn", does: "for this machine; others: --store http://127.0.0.1:8090" },
    {
      line: "CAIRN_STORE_TOKEN=… cairn store --store file:/srv/cairn --store-host 10.0.0.7",
      does: "for other machines, which set the same token and --store http://10.0.0.7:8090",
    },
  ],
  async run(session, _args, options) {
    return await session.become("store", environmentWith(settingsOf(options)));
  },
});

export const dev: Command = command({
  name: "dev",
  group: "Run Cairn",
  summary: "start everything on this machine: a private Redis, the API, workers",
  detail:
    "Listens on 127.0.0.1. Data is kept in --data (default .cairn in this folder); a second start goes on with it. " +
    "With CAIRN_REDIS_URL or --redis-url that Redis is used instead of a private one.",
  does: "starts a Redis, an API and workers, and replaces what ends",
  args: [],
  options: {
    workers: value("n", "how many workers; default 3", readWhole({ from: 1, to: 64 })),
    ...settingsOptions(["port", "data", "redisUrl", "tasks", "programs", "onlineSlots", "batchSlots", "logLevel"]),
  },
  examples: [{ line: "cairn dev --port 8080 --workers 2", does: "until Ctrl-C, which checkpoints what runs" }],
  async run(session, _args, options) {
    const flags = settingsOf(options);
    const config = loadConfig(flags);
    const { redisUrl } = givenSettings(flags);
    const { say } = session;
    for (const sentence of unknownVariables()) say(`cairn dev: ${sentence}`);
    // Not before they are needed: every other command would start slower for them.
    const { takeDataFolder } = await import("../../launch/data-folder.mjs");
    const { provideRedis } = await import("../../launch/install-redis.mjs");
    const { dev: runDev } = await import("../../launch/dev.ts");
    const taken = await takeDataFolder(config.data, say);
    if (taken.kind === "taken") {
      say(taken.message);
      return EXIT.error;
    }
    const count: unknown = options.workers;
    return await runDev({
      dataDir: config.data,
      port: config.port,
      workers: typeof count === "number" ? count : 3,
      redis:
        redisUrl === undefined ? { kind: "private", server: await provideRedis(say) } : { kind: "url", url: redisUrl },
      commands: { api: [entryOf("api")], worker: () => [entryOf("worker")] },
      env: environmentWith(flags),
      drainMs: config.drainMs,
      parent: null,
      lock: taken.lock,
      guard: taken.guard,
      randomPart: () => randomBytes(3).toString("hex"),
      print: (text) => void session.out(`${text}\n`),
      say,
    });
  },
});
