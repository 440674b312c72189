/**
 * Connections to Redis: alone, Sentinel or Cluster, told apart by the URL.
 *
 * C1 Nothing is queued while the connection is down, and nothing is sent again by itself: what was refused to a
 *    caller must not run later.
 * C2 A blocking reader has a connection of its own: other commands would wait behind it.
 * C3 Reconnecting is quick and never given up: 50 to 500 ms.
 * C4 Not even when Sentinel tells of another primary while a connection is just being made: ioredis then ends the
 *    client for good, and the process would be without Redis until somebody restarts it.
 * C5 Nor when a node of a Cluster says MOVED while the client closes its connections, to make them anew: ioredis then
 *    connects to the node that was named, waits for ever for the last connection to end, and stays `disconnecting`.
 *    Nor when the last of the old connections ends while it looks up names for the new ones: then it stays `close`.
 * C6 BullMQ's commands are the exception to C1: with `maxRetriesPerRequest: null` ioredis neither sends again nor refuses
 *    what a closing connection cut off, and whoever waits for it waits for ever: a worker that drew a ticket at that
 *    moment drew none any more. They only move tickets, and a ticket that is double or stale does no harm (W1).
 */
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from "ioredis";

export type RedisClient = Redis | Cluster;

export type ConnectionUse =
  /** Commands on behalf of a caller: fail at once when Redis is away, and within `commandTimeoutMs` when it is mute. */
  | { readonly kind: "command"; readonly commandTimeoutMs: number }
  /** A blocking read: no timeout of its own (the reader has one), fails at once when Redis is away. */
  | { readonly kind: "blocking" }
  /**
   * Coalesced pushes of the online path, watched by their sender instead of by a timer for each. On a Cluster nothing
   * that a closing connection cut off is sent again (an entry pushed twice could run twice), and nodes are connected
   * to before they are needed: the first commands to a node would be refused while it connects.
   */
  | { readonly kind: "online" }
  /** For BullMQ, which demands `maxRetriesPerRequest: null`. */
  | { readonly kind: "bullmq" };

export type RedisAddress =
  | { readonly kind: "single"; readonly url: string }
  | { readonly kind: "sentinel"; readonly sentinels: readonly HostPort[]; readonly name: string; readonly auth: Auth }
  | { readonly kind: "cluster"; readonly nodes: readonly HostPort[]; readonly auth: Auth };

interface HostPort {
  readonly host: string;
  readonly port: number;
}
interface Auth {
  readonly username?: string;
  readonly password?: string;
}

/**
 * Reads a Redis URL.
 *
 * `redis://` and `rediss://` as usual; `redis+sentinel://[user:pass@]host:26379,host:26379/name`;
 * `redis+cluster://[user:pass@]host:port,host:port`.
 *
 * @throws TypeError with the forms that are understood
 */
export function parseRedisUrl(url: string): RedisAddress {
  if (/^rediss?:\/\//.test(url)) return { kind: "single", url };
  const match = /^redis\+(sentinel|cluster):\/\/(?:([^@/]*)@)?([^/]+)(?:\/(.*))?$/.exec(url);
  if (match?.[3] === undefined) {
    throw new TypeError(
      `"${url}" is not a Redis URL: redis://host:port, redis+sentinel://host:port,…/name or redis+cluster://host:port,…`,
    );
  }
  const fallback = match[1] === "sentinel" ? 26_379 : 6_379;
  const nodes = match[3].split(",").map((part) => {
    const [host = "127.0.0.1", port] = part.split(":");
    return { host, port: port === undefined ? fallback : Number(port) };
  });
  const [username, password] = (match[2] ?? "").split(":").map(decodeURIComponent);
  const auth: Auth = {
    ...(username !== undefined && username !== "" ? { username } : {}),
    ...(password !== undefined ? { password } : {}),
  };
  if (match[1] === "cluster") return { kind: "cluster", nodes, auth };
  const name = match[4];
  if (name === undefined || name === "") throw new TypeError(`"${url}" lacks the name of the primary: …/name`);
  return { kind: "sentinel", sentinels: nodes, name, auth };
}

/** C3 */
const LONGEST_RECONNECT_MS = 500;
const reconnectMs = (times: number): number => Math.min(50 * 2 ** Math.min(times - 1, 4), LONGEST_RECONNECT_MS);
/** C5: longer than any pause before a reconnection, in which the state may be `close` too. */
const REVIVE_MS = 2 * LONGEST_RECONNECT_MS;

/**
 * Opens a connection; it connects in the background, `whenReady` waits for it.
 *
 * @param label shown by CLIENT LIST
 */
export function connectRedis(url: string, use: ConnectionUse, label: string): RedisClient {
  const address = parseRedisUrl(url);
  const options = {
    connectionName: `cairn:${label}`,
    retryStrategy: reconnectMs,
    autoResendUnfulfilledCommands: use.kind === "bullmq", // C1, C6
    enableOfflineQueue: use.kind === "bullmq", // C1
    maxRetriesPerRequest: use.kind === "bullmq" ? null : 0,
    connectTimeout: 2_000,
    keepAlive: 5_000,
    noDelay: true,
    ...(use.kind === "command" ? { commandTimeout: use.commandTimeoutMs } : {}),
    // A mute connection that its sender gives up has to make room for the next one.
    ...(use.kind === "online" ? { disconnectTimeout: 100 } : {}),
  } satisfies RedisOptions;
  const client = open(address, options, use);
  // Without a listener an `error` event ends the process; every command reports its own failure anyway.
  client.on("error", () => undefined);
  return client;
}

function open(
  address: RedisAddress,
  options: Omit<RedisOptions, "replyMapping" | "sentinels" | "port" | "host" | "path">,
  use: ConnectionUse,
): RedisClient {
  switch (address.kind) {
    case "single":
      return new Redis(address.url, options);
    case "sentinel":
      return new SentinelClient({
        ...options,
        ...address.auth,
        sentinels: [...address.sentinels],
        name: address.name,
        sentinelRetryStrategy: reconnectMs,
        failoverDetector: true,
      });
    case "cluster": {
      const cluster = {
        redisOptions: { ...options, ...address.auth },
        clusterRetryStrategy: reconnectMs,
        // On a Cluster that is down only this answers; without it commands wait for a slot map for ever.
        enableOfflineQueue: use.kind === "bullmq",
        slotsRefreshTimeout: 1_000,
        // A node that has just been restarted says CLUSTERDOWN for two seconds: tried again meanwhile, the command
        // would look as if Redis were mute.
        retryDelayOnClusterDown: use.kind === "online" ? 0 : 100,
        retryDelayOnFailover: use.kind === "online" ? 0 : 100,
        maxRedirections: 8,
        scaleReads: "master",
      } satisfies ClusterOptions;
      const client = new ClusterClient([...address.nodes], cluster);
      client.on("+node", (node: Redis) => {
        if (use.kind === "online" && node.status === "wait") node.connect().catch(() => undefined);
      });
      return client;
    }
  }
}

/** C4 */
class SentinelClient extends Redis {
  #closed = false;

  constructor(options: Omit<RedisOptions, "replyMapping">) {
    super(options);
    this.on("end", () => {
      if (!this.#closed) setTimeout(() => this.#revive(), reconnectMs(1));
    });
  }

  override disconnect(reconnect = false): void {
    if (!reconnect) this.#closed = true;
    super.disconnect(reconnect);
  }

  #revive(): void {
    if (this.#closed || this.status !== "end") return;
    this.connect().catch(() => undefined); // It ends again then, and is revived again.
  }
}

type TypedClusterOptions = Omit<ClusterOptions, "redisOptions"> & {
  readonly redisOptions: Omit<NonNullable<ClusterOptions["redisOptions"]>, "replyMapping">;
};

/** C5 */
class ClusterClient extends Cluster {
  #closed = false;
  #reviving: NodeJS.Timeout | null = null;

  constructor(nodes: HostPort[], options: TypedClusterOptions) {
    super(nodes, options);
    // The first listener: those that come after it find the node closed already.
    this.on("+node", (node: Redis) => {
      if (this.status === "disconnecting") node.disconnect();
    });
    this.on("close", () => {
      this.#reviving ??= setTimeout(() => this.#revive(), REVIVE_MS).unref();
    });
  }

  override disconnect(reconnect = false): void {
    if (!reconnect) this.#closed = true;
    super.disconnect(reconnect);
  }

  #revive(): void {
    this.#reviving = null;
    // Whoever reconnects by himself has left this state by now.
    if (!this.#closed && this.status === "close") this.connect().catch(() => undefined);
  }
}

/** What to do about a password. */
export const REFUSAL_ADVICE =
  "write it into CAIRN_REDIS_URL, as redis://:password@host:port or redis://user:password@host:port";

/**
 * Waits until the connection can be used.
 * @throws CairnRedisRefusal at once when Redis does not take the password; Error after `timeoutMs`, with the address and what to look at
 */
export async function whenReady(client: RedisClient, url: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  // What it says while connecting comes only here: the commands meanwhile fail for want of a connection.
  const heard: { refusal: Error | null } = { refusal: null };
  const note = (error: unknown): void => void (heard.refusal ??= refusalIn(error));
  client.on("error", note);
  try {
    for (;;) {
      try {
        await client.ping();
        return;
      } catch (error) {
        last = error;
        note(error);
      }
      if (heard.refusal !== null) throw new CairnRedisRefusal(url, heard.refusal);
      if (performance.now() > deadline) {
        throw new Error(
          `Redis at ${hidePassword(url)} did not answer within ${timeoutMs} ms; is it running, and CAIRN_REDIS_URL right?`,
          { cause: last },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    client.off("error", note);
  }
}

/** Redis is there, and lets nobody in who shows no password, or a wrong one. */
export class CairnRedisRefusal extends Error {
  override readonly name = "CairnRedisRefusal";

  constructor(url: string, cause: Error) {
    const why = cause.message.startsWith("NOAUTH") ? "wants a password" : "does not take the user or the password";
    super(`Redis at ${hidePassword(url)} ${why} (${cause.message.split(" ")[0] ?? ""}): ${REFUSAL_ADVICE}`, { cause });
  }
}

/** What Redis says to a password that is wrong or missing, among what ioredis made of it; null for any other error. */
export function refusalIn(error: unknown): Error | null {
  if (!(error instanceof Error)) return null;
  if (/^(?:NOAUTH|WRONGPASS|NOPERM)\b/.test(error.message)) return error;
  return refusalIn("lastNodeError" in error ? error.lastNodeError : error.cause);
}

/** Closes without waiting for what is under way. */
export function closeRedis(client: RedisClient): void {
  client.disconnect();
}

/** The URL, fit for logs. */
export function hidePassword(url: string): string {
  return url.replace(/\/\/([^@/]*)@/, "//…@");
}
