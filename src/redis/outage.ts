/**
 * Redis being away, as a process tells it in its log.
 *
 * RO1 One line when it goes, one a minute, one when it answers again. What fails meanwhile because of it is counted and
 *     not told: everything that looks again and again would tell it twice a second. One that answers, and takes nothing
 *     (it is full), is not back: nothing may have failed for a moment.
 */
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { hidePassword, type RedisClient } from "./connection.ts";
import { classifyRedisError } from "./fault.ts";

const ASK_EVERY_MS = 250;
const STILL_EVERY_MS = 60_000;
/** Longer than between two tries of whatever is tried again and again. */
const QUIET_MS = 1_500;

export interface OutageOptions {
  readonly url: string;
  /** Asked until it answers. */
  readonly client: Pick<RedisClient, "ping">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Is made before the logger that it takes errors from, and told later of whom and where. */
export class RedisOutage {
  #options: OutageOptions | null = null;
  #since: number | null = null;
  #failedMs = 0;
  #unsaid = 0;

  watch(options: OutageOptions): void {
    this.#options = options;
  }

  /** Takes an error that is to be logged. @returns whether it only says that Redis is away, which is told here */
  absorbs(error: unknown): boolean {
    if (this.#options === null || classifyRedisError(error) === null) return false;
    this.#unsaid += 1;
    this.#failedMs = this.#options.clock.monotonicMs();
    if (this.#since === null) this.#begin(this.#options, error);
    return true;
  }

  #begin(options: OutageOptions, error: unknown): void {
    const { url, clock, logger } = options;
    this.#since = clock.monotonicMs();
    const why = error instanceof Error ? error.message : String(error);
    logger.warn({ redis: hidePassword(url), why }, "Redis does not answer; everything is tried again until it does");
    void this.#untilItAnswers(options, this.#since);
  }

  async #untilItAnswers({ client, clock, logger }: OutageOptions, since: number): Promise<void> {
    for (let toldMs = since; ;) {
      await new Promise<void>((resolve) => setTimeout(resolve, ASK_EVERY_MS).unref()); // Keeps no process alive.
      const answers = await client.ping().then(
        () => true,
        () => false,
      );
      const now = clock.monotonicMs();
      if (!answers) this.#failedMs = now;
      const told = { awayMs: Math.round(this.#failedMs - since), failed: this.#unsaid };
      if (now - this.#failedMs >= QUIET_MS) {
        this.#since = null;
        this.#unsaid = 0;
        logger.warn(told, "Redis answers again");
        return;
      }
      if (now - toldMs < STILL_EVERY_MS) continue;
      toldMs = now;
      logger.warn(told, "Redis still does not answer");
    }
  }
}
