/** Is the checkpoint store here the fleet's? And how a fleet is given another one. */
import { setTimeout as delay } from "node:timers/promises";
import { adoptStore, FleetStore } from "../../batch/batch.ts";
import { openStore, type StoreAccess } from "../../checkpoints/checkpoints.ts";
import { closeRedis, connectRedis, whenReady, type RedisClient } from "../../redis/connection.ts";
import { createKeys, type Keys } from "../../redis/keys.ts";
import { EXIT } from "../exit-code.ts";
import type { Session } from "../session.ts";
import { fail, ok, warn, type Finding } from "./finding.ts";

const READY_MS = 3_000;
const COMMAND_TIMEOUT_MS = 10_000;
/** In this time a worker that lives has beaten. */
const BEAT_WITHIN_MS = 1_500;
const NAMED = 5;

export interface StoreQuestion {
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly storeUrl: string;
  readonly access: StoreAccess;
  readonly hostname: string;
}

/** What it finds; nothing when Redis or the store does not answer, which other checks tell. */
export async function checkFleetStore(question: StoreQuestion): Promise<Finding[]> {
  try {
    return await withRedis(question, async (redis, keys) => {
      const standing = await storeOf(question, redis, keys).look();
      switch (standing.kind) {
        case "ours":
          return [ok("store of the fleet", "is this one")];
        case "free":
          return [ok("store of the fleet", "none is noted yet: the first worker notes its own")];
        case "another":
          return [fail("store of the fleet", standing.sentence, standing.advice)];
      }
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [warn("store of the fleet", `not compared: ${reason}`, "Mend what fails above, and ask again.")];
  }
}

/**
 * Makes the store here the fleet's, when nobody works with the old one and nothing would be lost with it.
 * @returns the exit code @throws what Redis or the store say
 */
export async function adoptFleetStore(session: Session, question: StoreQuestion): Promise<number> {
  return withRedis(question, async (redis, keys) => {
    const standing = await storeOf(question, redis, keys).look();
    if (standing.kind === "ours") {
      session.say(`${question.storeUrl} is the store of this fleet already.`);
      return EXIT.ok;
    }
    const live = await liveWorkers(redis, keys);
    if (live.length > 0) {
      session.say(`Workers are running with the old store: ${live.join(", ")}. Stop all workers and APIs first.`);
      return EXIT.error;
    }
    const store = openStore(question.storeUrl, question.access);
    const adopting = await adoptStore({ redis, keys, store, who: `cairn doctor on ${question.hostname}` });
    if (adopting.kind === "lacking") {
      const { jobs } = adopting;
      const names = jobs.slice(0, NAMED).join(", ");
      session.say(
        `${jobs.length} unfinished ${jobs.length === 1 ? "job has its" : "jobs have their"} checkpoints in the old store, and not in ${question.storeUrl}: ${names}${jobs.length > NAMED ? ", …" : ""}. Copy the content of the old store there, or let them end or cancel them first.`,
      );
      return EXIT.error;
    }
    session.say(`${question.storeUrl} is the store of this fleet now. Start its APIs and workers with it.`);
    return EXIT.ok;
  });
}

function storeOf({ storeUrl, access, hostname }: StoreQuestion, redis: RedisClient, keys: Keys): FleetStore {
  return new FleetStore({ redis, keys, store: openStore(storeUrl, access), who: `cairn doctor on ${hostname}` });
}

async function withRedis<T>(
  { redisUrl, redisPrefix }: StoreQuestion,
  work: (redis: RedisClient, keys: Keys) => Promise<T>,
): Promise<T> {
  const redis = connectRedis(redisUrl, { kind: "command", commandTimeoutMs: COMMAND_TIMEOUT_MS }, "doctor");
  try {
    await whenReady(redis, redisUrl, READY_MS);
    return await work(redis, createKeys(redisPrefix));
  } finally {
    closeRedis(redis);
  }
}

/** Those whose beat changes. */
async function liveWorkers(redis: RedisClient, keys: Keys): Promise<readonly string[]> {
  const before = await redis.hgetall(keys.beats);
  if (Object.keys(before).length === 0) return [];
  await delay(BEAT_WITHIN_MS);
  const after = await redis.hgetall(keys.beats);
  return Object.keys(after).filter((id) => after[id] !== before[id]);
}
