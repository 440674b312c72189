/** The main thread's side of the beat: feeds the beat thread with its state, and hears how many others there are. */
import { Worker } from "node:worker_threads";
import type { Service } from "../runtime/service.ts";
import type { BeatBody } from "./beat.ts";
import type { BeatThreadData, FromBeatThread, ToBeatThread } from "./beat-thread.ts";

/** How often the main loop shows that it turns. */
const TURN_MS = 50;
const STATUS_MS = 250;
const FIRST_BEAT_MS = 30_000;
const LEAVE_MS = 1_500;

export interface BeatSenderOptions {
  readonly url: string;
  readonly key: string;
  readonly verdictKey: string;
  readonly replicaId: string;
  readonly status: () => BeatBody;
  /** Others have found something wrong with this replica. */
  readonly onUnfit: (why: string) => void;
  /** The thread has died: without it everybody holds this replica for dead. */
  readonly onDeath: (error: Error) => void;
}

export class BeatSender implements Service {
  readonly name = "beat-sender";
  readonly #options: BeatSenderOptions;
  readonly #turns = new Int32Array(new SharedArrayBuffer(4));
  #thread: Worker | null = null;
  #timers: NodeJS.Timeout[] = [];
  #live: Readonly<Record<string, number>> = {};
  #beaten: (() => void) | null = null;
  #left: (() => void) | null = null;

  constructor(options: BeatSenderOptions) {
    this.#options = options;
  }

  /** Resolves when the first beat has reached Redis. @throws Error after 30 s without one */
  async start(): Promise<void> {
    const { url, key, verdictKey, replicaId, onDeath } = this.#options;
    const workerData: BeatThreadData = { url, key, verdictKey, replicaId, turns: this.#turns };
    // Beside this file, compiled or not.
    const file = import.meta.url.endsWith(".ts") ? "./beat-thread.ts" : "./beat-thread.js";
    const thread = new Worker(new URL(file, import.meta.url), { workerData });
    this.#thread = thread;
    thread.on("error", (error) => onDeath(error instanceof Error ? error : new Error(String(error))));
    thread.on("exit", () => {
      if (this.#left === null && this.#thread !== null) onDeath(new Error("the beat thread has ended"));
      this.#left?.();
    });
    thread.on("message", (message: FromBeatThread) => this.#hear(message));
    const first = new Promise<void>((resolve) => (this.#beaten = resolve));
    this.#timers = [
      setInterval(() => void Atomics.add(this.#turns, 0, 1), TURN_MS),
      setInterval(() => this.#sendStatus(), STATUS_MS),
    ];
    this.#sendStatus();
    await within(first, FIRST_BEAT_MS, "the first beat did not reach Redis within 30 s");
  }

  /** Takes the beat out of Redis: nobody has to wait for the silence. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const thread = this.#thread;
    if (thread === null) return;
    const left = new Promise<void>((resolve) => (this.#left = resolve));
    this.#say({ kind: "leave" });
    await within(left, LEAVE_MS, "").catch(() => undefined); // Redis may be away; the silence will tell then.
    this.#thread = null;
    await thread.terminate();
  }

  /** Live replicas that serve `task`, this one included. */
  liveReplicas(task: string): number {
    return Math.max(1, this.#live[task] ?? 1);
  }

  /** Says now what would be said a moment later. */
  beatNow(): void {
    this.#sendStatus();
    this.#say({ kind: "beat_now" });
  }

  #sendStatus(): void {
    this.#say({ kind: "status", beat: this.#options.status() });
  }

  #say(message: ToBeatThread): void {
    this.#thread?.postMessage(message);
  }

  #hear(message: FromBeatThread): void {
    if (message.kind === "live") this.#live = message.replicas;
    else if (message.kind === "unfit") this.#options.onUnfit(message.why);
    else if (message.kind === "beaten") {
      this.#beaten?.();
      this.#beaten = null;
    } else this.#left?.();
  }
}

function within(promise: Promise<void>, ms: number, message: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(message)), ms);
    void promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
