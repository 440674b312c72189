/**
 * The local supervisor: everything on one machine, for `npm start` and `cairn dev`.
 *
 * V1 Started in the order Redis, then API and workers; stopped in the reverse: workers hand over their jobs through
 *    a Redis that still serves, and are asked for by an API that still answers.
 * V2 Whatever ends unasked is replaced: a worker by one with a new id (it is another worker), the API on its port,
 *    Redis on its port and data.
 * V3 Whatever way this process ends, the guard ends the rest (guard.mjs).
 * V4 Every wait of the way down is bounded, and shorter after each further signal.
 */
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { devBanner } from "./dev-banner.ts";
import type { RedisServer } from "./find-redis.mjs";
import type { HeldLock } from "./folder-lock.mjs";
import type { Guard } from "./guarded.mjs";
import { keepRedis } from "./kept-redis.ts";
import type { KeptRedis } from "./kept-redis.ts";
import { findFreePort } from "./private-redis.ts";
import { onStopSignals } from "./stop-signals.ts";
import type { StopOrder } from "./stop-signals.ts";
import { SupervisedChild } from "./supervised-child.ts";
import type { ChildSpec, Ready } from "./supervised-child.ts";

/** Children that end before they ever served, in a row, before the whole start is given up. */
const HOPELESS_STARTS = 5;
/** From the request to SIGKILL, ms, for workers (besides their own `drainMs`), the API and Redis. */
const GRACEFUL = { workersMs: 5_000, apiMs: 15_000, redisMs: 10_000 } as const;
/** The same after somebody has asked to hurry; together below the ten seconds in which nothing of ours may be left. */
const HURRIED = { workersMs: 3_500, apiMs: 1_500, redisMs: 2_000 } as const;
/** A worker that is told twice hurries; equal signals that come closer than this may count once. */
const AGAIN_MS = 500;

export interface DevSettings {
  /** Absolute. */
  readonly dataDir: string;
  /** The port of the API; 0 for any. If it is taken, another one. */
  readonly port: number;
  readonly workers: number;
  readonly redis:
    { readonly kind: "private"; readonly server: RedisServer } | { readonly kind: "url"; readonly url: string };
  /** What node is started with; a worker gets its id also as CAIRN_WORKER_ID. */
  readonly commands: { readonly api: readonly string[]; readonly worker: (id: string) => readonly string[] };
  readonly env: NodeJS.ProcessEnv;
  /** How long a worker may drain, ms. */
  readonly drainMs: number;
  /** The process whose end is to be ours (npm), or null. */
  readonly parent: number | null;
  /** Of the data folder, and the guard that shares it (see data-folder.mjs). Both are given back at the end. */
  readonly lock: HeldLock;
  readonly guard: Guard;
  /** The last part of a worker's id: other ones after every start. */
  readonly randomPart: () => string;
  /** What was asked for; goes to standard output. */
  readonly print: (text: string) => void;
  /** What happens; goes to standard error. */
  readonly say: (line: string) => void;
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

class LocalSystem {
  readonly #settings: DevSettings;
  readonly #hurry = new AbortController();
  readonly #asked: Promise<number>;
  #ask: (exitCode: number) => void = () => undefined;
  #redis: KeptRedis | null = null;
  #redisUrl = "";
  #port: number;
  #url: string | null = null;
  #api: SupervisedChild | null = null;
  #workers: readonly SupervisedChild[] = [];
  readonly #serving = new Map<string, string>();
  #announced = false;
  #failedStarts = 0;

  constructor(settings: DevSettings) {
    this.#settings = settings;
    this.#port = settings.port;
    this.#asked = new Promise((resolve) => (this.#ask = resolve));
  }

  /** Runs until somebody asks to stop. Returns the exit code. */
  async run(): Promise<number> {
    const signals = onStopSignals({ parent: this.#settings.parent, onOrder: (order, why) => this.#obey(order, why) });
    try {
      await this.#startRedis();
      this.#startChildren();
      return await this.#asked;
    } finally {
      await this.#stopAll();
      signals.close();
    }
  }

  #obey(order: StopOrder, why: string): void {
    const { say } = this.#settings;
    if (order === "at_once") {
      say(`${why}: ending at once; what is left is killed.`);
      process.exit(130); // V3
    }
    if (order === "hurry") {
      say(`${why}: hurrying.`);
      this.#hurry.abort();
    } else say(`${why}: stopping (once more to hurry) …`);
    this.#ask(0);
  }

  async #startRedis(): Promise<void> {
    const { redis, dataDir, guard, env, say } = this.#settings;
    if (redis.kind === "url") {
      this.#redisUrl = redis.url;
      return;
    }
    this.#redis = await keepRedis({
      server: redis.server,
      dataDir: join(dataDir, "redis"),
      guard,
      env,
      say,
      onHopeless: (error) => {
        say(error.message);
        this.#ask(1);
      },
    });
    this.#redisUrl = this.#redis.url;
    this.#settings.lock.tell({ redis: this.#redisUrl }); // For workers that join (src/cli/local-system.ts).
  }

  #startChildren(): void {
    const { commands, workers } = this.#settings;
    this.#api = this.#place("api", async () => {
      await this.#choosePort();
      return { name: "api", argv: commands.api, env: this.#childEnv() };
    });
    this.#workers = Array.from({ length: workers }, (_, index) => {
      const place = `worker-${index + 1}`;
      return this.#place(place, () => {
        const name = `w${index + 1}-${this.#settings.randomPart()}`;
        const env = { ...this.#childEnv(), CAIRN_WORKER_ID: name };
        return { name, argv: commands.worker(name), env }; // V2
      });
    });
    for (const child of [this.#api, ...this.#workers]) child.start();
  }

  #childEnv(): NodeJS.ProcessEnv {
    const { env, dataDir } = this.#settings;
    return { ...env, CAIRN_REDIS_URL: this.#redisUrl, CAIRN_DATA: dataDir, CAIRN_PORT: String(this.#port) };
  }

  /** Until the API has served once; from then on its address is known and stays. */
  async #choosePort(): Promise<void> {
    if (this.#url !== null || (this.#port !== 0 && (await isFree(this.#port)))) return;
    const taken = this.#port;
    this.#port = await findFreePort();
    if (taken !== 0) this.#settings.say(`Port ${taken} is taken: the API gets ${this.#port}.`);
  }

  #place(place: string, next: () => ChildSpec | Promise<ChildSpec>): SupervisedChild {
    const { guard, dataDir, say } = this.#settings;
    const logPath = join(dataDir, "logs", `${place}.log`);
    return new SupervisedChild({
      next,
      guard,
      logPath,
      show: say,
      onReady: (ready) => this.#onReady(place, ready),
      onLost: ({ name, how, everReady }) => {
        this.#serving.delete(place);
        say(`${name} ended (${how}); ${place === "api" ? "it is started again" : "another worker takes its place"}.`);
        this.#failedStarts = everReady ? 0 : this.#failedStarts + 1;
        if (this.#announced || this.#failedStarts < HOPELESS_STARTS) return;
        say(`${name} does not start. Its log: ${logPath}`);
        this.#ask(1);
      },
    });
  }

  #onReady(place: string, { name, url }: Ready): void {
    const { say, print, lock, dataDir, workers, redis } = this.#settings;
    this.#serving.set(place, name);
    if (url !== null) this.#url = url;
    if (this.#announced) say(`${name} serves.`);
    if (this.#announced || this.#url === null || this.#serving.size < workers + 1) return;
    this.#announced = true;
    lock.tell({ url: this.#url });
    const ids = [...this.#serving].filter(([key]) => key !== "api").map(([, id]) => id);
    const redisIs = redis.kind === "private" ? "private" : "given";
    print(devBanner({ url: this.#url, redisUrl: this.#redisUrl, redisIs, workers: ids.sort(), dataDir }));
  }

  async #stopAll(): Promise<void> {
    const { drainMs, guard, lock, say } = this.#settings;
    await this.#stopChildren(this.#workers, drainMs + GRACEFUL.workersMs, HURRIED.workersMs);
    if (this.#api !== null) await this.#stopChildren([this.#api], GRACEFUL.apiMs, HURRIED.apiMs);
    await this.#redis?.stop({ graceMs: this.#hurry.signal.aborted ? HURRIED.redisMs : GRACEFUL.redisMs });
    await guard.close();
    lock.release();
    say("Stopped.");
  }

  /** SIGTERM; once more when somebody hurries; SIGKILL when the time is over (V4). */
  async #stopChildren(children: readonly SupervisedChild[], gracefulMs: number, hurriedMs: number): Promise<void> {
    const over = new AbortController();
    const signalAll = (signal: NodeJS.Signals): void => {
      for (const child of children) child.signal(signal);
    };
    const after = (ms: number, signal: NodeJS.Signals): void => {
      void delay(ms, undefined, { signal: over.signal }).then(
        () => signalAll(signal),
        () => undefined,
      );
    };
    const hurry = (): void => {
      after(0, "SIGTERM");
      after(AGAIN_MS, "SIGTERM");
      after(hurriedMs, "SIGKILL");
    };
    const hurried = this.#hurry.signal;
    signalAll("SIGTERM");
    after(gracefulMs, "SIGKILL");
    if (hurried.aborted) hurry();
    else hurried.addEventListener("abort", hurry, { once: true, signal: over.signal });
    await Promise.all(children.map((child) => child.ended()));
    over.abort();
  }
}

/**
 * Brings everything up, keeps it up, and takes it down when asked (signals, see stop-signals.ts).
 * @returns the exit code of the command
 * @throws RedisStartError if the private Redis does not start
 */
export function dev(settings: DevSettings): Promise<number> {
  return new LocalSystem(settings).run();
}
