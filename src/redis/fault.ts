/**
 * Redis being away, told apart by what it means for the caller.
 *
 * `unavailable`: the command was not carried out. `unknown`: it was sent and no answer came, so it may have been.
 */
export class RedisFault extends Error {
  override readonly name = "RedisFault";
  readonly kind: "unavailable" | "unknown";
  /** The job it was about, for the caller to look up. */
  job: string | null = null;

  constructor(kind: "unavailable" | "unknown", cause: unknown) {
    super(kind === "unavailable" ? whyUnavailable(cause) : "Redis did not say whether it was done", { cause });
    this.kind = kind;
  }
}

/** What ioredis says when a command never left the process. */
const NOT_SENT =
  /isn't writeable|enableOfflineQueue|Connection is closed before|ClusterAllFailed|Failed to refresh slots|None of startup nodes|All sentinels are unreachable/;
const AWAY =
  /Command timed out|Connection is closed|ECONN|EPIPE|ETIMEDOUT|MaxRetriesPerRequest|Reached the max retries|CLUSTERDOWN|LOADING|READONLY|MASTERDOWN/;
const REFUSED_BY_SERVER = /CLUSTERDOWN|LOADING|READONLY|MASTERDOWN|MISCONF|OOM|NOREPLICAS/;
/** A server that answers, and takes no writes. */
const TAKES_NOTHING: readonly (readonly [RegExp, string])[] = [
  [/\bMISCONF\b/, "Redis cannot write to its disk, and takes nothing until it can"],
  [/\bOOM\b/, "Redis has no memory left, and takes nothing until it has"],
  [/\bNOREPLICAS\b/, "Redis has too few replicas in step, and takes nothing until it has"],
];

function whyUnavailable(cause: unknown): string {
  const said = cause instanceof Error ? cause.message : "";
  return TAKES_NOTHING.find(([code]) => code.test(said))?.[1] ?? "Redis does not answer";
}

/** The fault behind an error of ioredis, or null when it is something else (a bug, a script error). */
export function classifyRedisError(error: unknown): RedisFault | null {
  if (error instanceof RedisFault) return error;
  if (!(error instanceof Error)) return null;
  // A transaction is refused as a whole, for what was said to one of its commands.
  if ("previousErrors" in error && Array.isArray(error.previousErrors)) {
    return classifyRedisError(error.previousErrors[0]);
  }
  const text = `${error.name}: ${error.message}`;
  if (NOT_SENT.test(text) || REFUSED_BY_SERVER.test(text)) return new RedisFault("unavailable", error);
  return AWAY.test(text) ? new RedisFault("unknown", error) : null;
}

/** Runs a write. @throws RedisFault when Redis is away */
export async function writing<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw classifyRedisError(error) ?? error;
  }
}

/** Runs a read: nothing can have happened, so every absence is `unavailable`. @throws RedisFault */
export async function reading<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    const fault = classifyRedisError(error);
    throw fault === null ? error : new RedisFault("unavailable", fault.cause);
  }
}
