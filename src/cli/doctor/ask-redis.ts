/** Asks Redis, or each primary of a Cluster, for what `redis-findings.ts` judges. */
import {
  CairnRedisRefusal,
  closeRedis,
  connectRedis,
  hidePassword,
  whenReady,
  type RedisClient,
} from "../../redis/connection.ts";
import type { Clock } from "../../runtime/clock.ts";
import { fail, ok, type Finding } from "./finding.ts";
import { judgeRedis, parseInfo } from "./redis-findings.ts";

const ANSWER_MS = 2_000;
const READY_MS = 3_000;
const SAMPLES = 5;

/** One server, of a Cluster or alone. */
type Server = Exclude<RedisClient, { nodes: unknown }>;

export interface RedisQuestion {
  readonly url: string;
  readonly durability: "fast" | "replicated";
  readonly clock: Clock;
}

export async function askRedis({ url, durability, clock }: RedisQuestion): Promise<Finding[]> {
  const client = connectRedis(url, { kind: "command", commandTimeoutMs: ANSWER_MS }, "doctor");
  try {
    await whenReady(client, url, READY_MS);
    const nodes = "nodes" in client ? client.nodes("master") : [client];
    const several = nodes.length > 1;
    const findings = [ok("Redis", hidePassword(url))];
    for (const node of nodes) {
      const name = several ? `${node.options.host ?? ""}:${String(node.options.port ?? "")}` : "";
      findings.push(...judgeRedis({ node: name, durability, ...(await factsOf(node, clock)) }));
    }
    return findings;
  } catch (error) {
    if (error instanceof CairnRedisRefusal) return [fail("Redis", error.message, "Then run this again.")];
    const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
    const reason = error instanceof Error ? `${error.message}${cause}` : String(error);
    return [
      fail("Redis", reason, "Start it, or say where it is with CAIRN_REDIS_URL. `npm start` runs a private one."),
    ];
  } finally {
    closeRedis(client);
  }
}

async function factsOf(
  node: Server,
  clock: Clock,
): Promise<Pick<Parameters<typeof judgeRedis>[0], "info" | "appendfsync" | "clock" | "roundTripMs">> {
  const info = parseInfo(await node.info());
  const samples = [];
  for (let count = 0; count < SAMPLES; count++) {
    const before = clock.monotonicMs();
    const wall = clock.nowMs();
    const [seconds, microseconds] = await node.time();
    const tookMs = clock.monotonicMs() - before;
    // Its clock was read somewhere on the way: in the middle, give or take half of it.
    const offsetMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000 - (wall + tookMs / 2);
    samples.push({ tookMs, offsetMs });
  }
  const best = samples.reduce((a, b) => (b.tookMs < a.tookMs ? b : a));
  return {
    info,
    appendfsync: await setting(node, "appendfsync"),
    clock: { offsetMs: best.offsetMs, errorMs: best.tookMs / 2 },
    roundTripMs: best.tookMs,
  };
}

/** Null where CONFIG is not allowed: managed servers, restricted users. */
async function setting(node: Server, name: string): Promise<string | null> {
  try {
    const reply = await node.config("GET", name);
    return Array.isArray(reply) && typeof reply[1] === "string" ? reply[1] : null;
  } catch {
    return null;
  }
}
