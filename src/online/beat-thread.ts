/**
 * The thread that beats for a replica, and counts the others: its own event loop, its own connection.
 *
 * T1 It beats while the main thread computes; that the main loop stands still is said in the beat, not by silence.
 * T2 A frozen process (SIGSTOP, a dead machine) stops this thread too: then the silence tells.
 * T3 It lives and dies with the main thread.
 * T4 A connection that fails for two seconds is replaced, whatever it says of itself.
 * T5 What others have found wrong with the replica reaches it here: whatever is deaf in it, this is not.
 */
import { parentPort, workerData } from "node:worker_threads";
import { BeatJudge, REPLICA_BEATS } from "../domain/beat-judge.ts";
import { closeRedis, connectRedis, type RedisClient } from "../redis/connection.ts";
import { BEAT_MS, counterOf, decodeBeat, encodeBeat, type BeatBody } from "./beat.ts";

export interface BeatThreadData {
  readonly url: string;
  readonly key: string;
  /** Where others say what is wrong with the replica (T5). */
  readonly verdictKey: string;
  readonly replicaId: string;
  /** One counter, raised by each turn of the main loop's timer. */
  readonly turns: Int32Array;
}
/** What the main thread says: its state, or that it is leaving. */
export type ToBeatThread =
  { readonly kind: "status"; readonly beat: BeatBody } | { readonly kind: "beat_now" } | { readonly kind: "leave" };
export type FromBeatThread =
  /** A beat has reached Redis. */
  | { readonly kind: "beaten" }
  /** Live replicas by task, this one included. */
  | { readonly kind: "live"; readonly replicas: Readonly<Record<string, number>> }
  /** T5 */
  | { readonly kind: "unfit"; readonly why: string }
  | { readonly kind: "left" };

/** How often the others are counted: every fourth beat, at first with each. */
const COUNT_EVERY = 4;
const EAGER_BEATS = 12;
/** T4 */
const FAILURES = 8;

function run(data: BeatThreadData, port: NonNullable<typeof parentPort>): void {
  const connect = (): RedisClient =>
    connectRedis(data.url, { kind: "command", commandTimeoutMs: 1_000 }, `beat-${data.replicaId}`);
  let client = connect();
  let failures = 0;
  const judge = new BeatJudge(REPLICA_BEATS);
  const say = (message: FromBeatThread): void => port.postMessage(message);
  // The counter starts anew with each start of the replica; its id is new then too.
  let counter = 0;
  let status: BeatBody | null = null;
  let unfit: string | null = null;
  let turns = 0;
  let turnedAtMs = performance.now();
  let timer: NodeJS.Timeout | null = null;
  let left = false;

  const lagMs = (): number => {
    const now = performance.now();
    const seen = Atomics.load(data.turns, 0);
    if (seen !== turns) {
      turns = seen;
      turnedAtMs = now;
    }
    return Math.round(now - turnedAtMs);
  };

  const count = async (): Promise<void> => {
    const all = await client.hgetall(data.key);
    const counters = new Map<string, number>();
    for (const [id, text] of Object.entries(all)) {
      const one = counterOf(text);
      if (one !== null) counters.set(id, one);
    }
    judge.observe(counters, performance.now());
    const replicas: Record<string, number> = {};
    for (const [id, text] of Object.entries(all)) {
      const standing = judge.standing(id);
      // One that is new may be alone for a moment in thinking so; to take too little meanwhile does no harm.
      if (id !== data.replicaId && standing !== "live" && standing !== "unproven") continue;
      const beat = decodeBeat(text);
      if (beat?.state !== "ready") continue;
      for (const [task, { parked }] of Object.entries(beat.tasks)) {
        if (parked !== true) replicas[task] = (replicas[task] ?? 0) + 1; // It takes no share.
      }
    }
    say({ kind: "live", replicas });
  };

  /** T5 */
  const hearVerdict = async (): Promise<void> => {
    const text = await client.get(data.verdictKey);
    if (text === null || unfit !== null) return;
    unfit = whyOf(text);
    say({ kind: "unfit", why: unfit });
  };

  const beat = async (): Promise<void> => {
    if (status === null) return;
    counter += 1;
    try {
      await client.hset(data.key, data.replicaId, encodeBeat(counter, { ...status, lagMs: lagMs(), unfit }));
      failures = 0;
      say({ kind: "beaten" });
      if (counter <= EAGER_BEATS || counter % COUNT_EVERY === 0) await count();
      if (counter % COUNT_EVERY === 0) await hearVerdict();
    } catch {
      // Redis is away: the others see the silence, and the next beat tries again. On a connection that only fails it
      // would try for ever (T4).
      failures += 1;
      if (failures % FAILURES !== 0) return;
      closeRedis(client);
      client = connect();
    }
  };

  const next = async (): Promise<void> => {
    timer = null;
    await beat();
    schedule(BEAT_MS);
  };
  const schedule = (ms: number): void => {
    if (timer !== null) clearTimeout(timer);
    if (!left) timer = setTimeout(() => void next(), ms);
  };

  const leave = async (): Promise<void> => {
    left = true;
    if (timer !== null) clearTimeout(timer);
    await client.hdel(data.key, data.replicaId).catch(() => undefined);
    closeRedis(client);
    say({ kind: "left" });
    port.close();
  };

  port.on("message", (message: ToBeatThread) => {
    if (message.kind === "leave") void leave();
    else if (message.kind === "beat_now") schedule(0);
    else {
      const first = status === null;
      status = message.beat;
      if (first) schedule(0);
    }
  });
}

function whyOf(text: string): string {
  try {
    return String((JSON.parse(text) as { readonly why?: unknown }).why);
  } catch {
    return text;
  }
}

if (parentPort !== null) run(workerData as BeatThreadData, parentPort);
