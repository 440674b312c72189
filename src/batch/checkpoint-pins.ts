/**
 * Readers of a job's latest checkpoint: whoever is told which it is has pinned it with that, and has some minutes to
 * read it, though newer ones push it out meanwhile (`commit.lua`) or the job's checkpoints are forgotten (`sweep.lua`).
 */
import type { CheckpointPointer } from "../checkpoints/checkpoints.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { loadScript, runScript, type Script } from "../redis/script.ts";

/** How long a pin lasts, ms; a reader has at least half of it, because one that was set lately is not set anew. */
const PINNED_MS = 1_200_000;

export class CheckpointPins {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #pin: Script = loadScript(new URL("./scripts/", import.meta.url), "pin");

  constructor(options: { readonly redis: RedisClient; readonly keys: Keys }) {
    this.#redis = options.redis;
    this.#keys = options.keys;
  }

  /** Where the latest committed checkpoint of a job is; null when it has none. @throws what Redis says */
  async latest(job: string): Promise<CheckpointPointer | null> {
    const reply = await runScript(this.#redis, this.#pin, [this.#keys.root], [job, PINNED_MS]);
    const [seq, manifest, manifestSha256, progress] = Array.isArray(reply) ? reply.map(String) : [];
    if (seq === undefined || manifest === undefined || manifestSha256 === undefined) return null;
    return {
      seq: Number(seq),
      manifest,
      manifestSha256,
      progress: progress === undefined || progress === "" ? null : Number(progress),
    };
  }
}
