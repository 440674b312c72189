/** What a Redis tells of itself, judged. Pure: made of the text of `INFO`, of some settings and of measured times. */
import { formatBytes, formatDuration } from "../format.ts";
import { fail, ok, warn, type Finding } from "./finding.ts";

export interface RedisFacts {
  /** Which server, when there are several; "" for the only one. */
  readonly node: string;
  readonly info: ReadonlyMap<string, string>;
  /** `appendfsync`; null when the server does not tell. */
  readonly appendfsync: string | null;
  /** Its wall clock minus ours, ms, and how far that may be wrong. */
  readonly clock: { readonly offsetMs: number; readonly errorMs: number };
  readonly roundTripMs: number;
  readonly durability: "fast" | "replicated";
}

/** Blocking reads of several elements (`BLMPOP`) came with 7. */
const OLDEST_MAJOR = 7;
const CLOCK_WARN_MS = 1_000;
const ROUND_TRIP_WARN_MS = 10;

/** `name:value` lines. */
export function parseInfo(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(":") && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

export function judgeRedis(facts: RedisFacts): Finding[] {
  const findings = [
    version(facts),
    eviction(facts),
    appendOnly(facts),
    writing(facts),
    memory(facts),
    replicas(facts),
    clock(facts),
    roundTrip(facts),
  ];
  return findings
    .filter((finding) => finding !== null)
    .map((finding) => ({ ...finding, check: facts.node === "" ? finding.check : `${finding.check} (${facts.node})` }));
}

function version({ info }: RedisFacts): Finding {
  const valkey = info.get("valkey_version");
  const found = valkey === undefined ? `Redis ${info.get("redis_version") ?? "?"}` : `Valkey ${valkey}`;
  const major = Number.parseInt(valkey ?? info.get("redis_version") ?? "0", 10);
  if (major >= OLDEST_MAJOR) return ok("Redis version", found);
  return fail(
    "Redis version",
    found,
    `Install Redis or Valkey ${OLDEST_MAJOR} or newer: Cairn reads with BLMPOP, which older ones lack.`,
  );
}

function eviction({ info }: RedisFacts): Finding {
  const policy = info.get("maxmemory_policy") ?? "unknown";
  if (policy === "noeviction") return ok("Redis eviction", policy);
  const advice = "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf: job records are no cache.";
  // Without a limit nothing is evicted, until somebody sets one.
  return info.get("maxmemory") === "0"
    ? warn("Redis eviction", `${policy}, without a limit`, advice)
    : fail("Redis eviction", policy, advice);
}

function appendOnly({ info, appendfsync }: RedisFacts): Finding {
  if (info.get("aof_enabled") !== "1") {
    return warn(
      "Redis append-only file",
      "off",
      "CONFIG SET appendonly yes, and the same in redis.conf: a crash of Redis loses every job since its last snapshot.",
    );
  }
  if (appendfsync === "no") {
    return warn(
      "Redis append-only file",
      "on, appendfsync no",
      "CONFIG SET appendfsync everysec: a power failure may lose half a minute of jobs.",
    );
  }
  return ok("Redis append-only file", appendfsync === null ? "on" : `on, appendfsync ${appendfsync}`);
}

function writing({ info }: RedisFacts): Finding | null {
  const broken = ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"].filter(
    (name) => (info.get(name) ?? "ok") !== "ok",
  );
  if (broken.length === 0) return null;
  return fail(
    "Redis persistence",
    broken.map((name) => `${name}: ${info.get(name) ?? ""}`).join(", "),
    "Look at Redis' log and at its disk: it cannot write, and refuses or loses what comes.",
  );
}

function memory({ info }: RedisFacts): Finding {
  const used = Number(info.get("used_memory") ?? 0);
  const limit = Number(info.get("maxmemory") ?? 0);
  const system = Number(info.get("total_system_memory") ?? 0);
  const bound = limit > 0 ? limit : system;
  const found = `${formatBytes(used)} of ${formatBytes(bound)}${limit > 0 ? "" : " (the machine's; no maxmemory)"}`;
  const advice =
    "Give Redis more memory, or keep fewer final jobs (CAIRN_LIMITS, finalRecordCount and finalRecordTtlMs): when it is full, submissions are refused.";
  if (bound > 0 && used > 0.9 * bound) return fail("Redis memory", found, advice);
  if (bound > 0 && used > 0.75 * bound) return warn("Redis memory", found, advice);
  return ok("Redis memory", found);
}

function replicas({ info, durability }: RedisFacts): Finding | null {
  if (durability !== "replicated") return null;
  const count = Number(info.get("connected_slaves") ?? 0);
  if (count > 0) return ok("Redis replicas", `${count}, durability is replicated`);
  return fail(
    "Redis replicas",
    "none, but CAIRN_DURABILITY is replicated",
    "Connect a replica, or set CAIRN_DURABILITY=fast: without one every submission is refused.",
  );
}

function clock({ clock: { offsetMs, errorMs } }: RedisFacts): Finding {
  const found = `${formatDuration(Math.abs(offsetMs))} ${offsetMs < 0 ? "behind" : "ahead of"} this machine (±${formatDuration(errorMs)})`;
  if (Math.abs(offsetMs) - errorMs <= CLOCK_WARN_MS) return ok("clock of Redis", found);
  return warn(
    "clock of Redis",
    found,
    "Run an NTP service on both machines. Leases do not depend on it, but the times that people read do.",
  );
}

function roundTrip({ roundTripMs }: RedisFacts): Finding {
  const found = `${roundTripMs.toFixed(1)} ms`;
  if (roundTripMs <= ROUND_TRIP_WARN_MS) return ok("way to Redis", found);
  return warn(
    "way to Redis",
    found,
    "Put API, workers and Redis closer together: every online request takes some of these.",
  );
}
