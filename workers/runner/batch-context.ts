/**
 * The `ctx` of a batch task.
 *
 * BC1 Progress is sent at most every 200 ms, and always before anything that depends on it (a checkpoint, the end).
 * BC2 An artifact is a file that is written once and never again: the keeper may read it while the task goes on.
 */
import { readFile, unlink } from "node:fs/promises";
import { unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BatchContext, CheckpointView, DependencyResult, TaskLog } from "../../src/tasks/context.ts";
import { storeNames } from "../../src/checkpoints/checkpoints.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Progress } from "../keeper/protocol.ts";
import type { KeeperLink } from "./keeper-link.ts";
import type { JobRandom } from "./job-random.ts";
import type { ArtifactFile, RunnerAssignment } from "./protocol.ts";

const PROGRESS_EVERY_MS = 200;

export interface RunnerContextOptions {
  readonly assignment: RunnerAssignment;
  readonly link: KeeperLink;
  readonly clock: Clock;
  readonly random: JobRandom;
  readonly progress: Progress | null;
}

export class RunnerContext implements BatchContext {
  readonly job: string;
  readonly attempt: number;
  readonly array: BatchContext["array"];
  readonly fence: string;
  readonly traceparent: string | null;
  readonly log: TaskLog;
  readonly #options: RunnerContextOptions;
  #abort: AbortController | null = null;
  #ended = false;
  #progress: Progress | null;
  #progressSentMs = -Infinity;
  #progressIsNews: boolean;
  /** Not reported yet, by name: a newer version replaces an older one. */
  #artifacts = new Map<string, string>();
  #artifactCount = 0;

  constructor(options: RunnerContextOptions) {
    const { job, attempt, array, fence, traceparent } = options.assignment;
    this.#options = options;
    this.job = job;
    this.attempt = attempt;
    this.array = array;
    this.fence = fence;
    this.traceparent = traceparent;
    this.#progress = options.progress;
    this.#progressIsNews = options.progress !== null;
    this.log = logTo(process.stdout, options.clock);
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#ended) this.#abort.abort();
    return this.#abort.signal;
  }

  progress(completed: number, total: number | null, unit: string): void {
    if (!Number.isFinite(completed) || (total !== null && !Number.isFinite(total))) {
      throw new TypeError(`progress(${completed}, ${String(total)}, …): not finite numbers`);
    }
    this.#progress = { completed, total, unit };
    this.#progressIsNews = true;
    this.sendDueProgress();
  }

  artifact(name: string, data: Uint8Array | string): void {
    if (!storeNames.isArtifactName(name)) {
      throw new TypeError(`"${name}" is no name for an artifact: letters, digits, dots, hyphens and underscores`);
    }
    this.#artifactCount += 1;
    const path = join(this.#options.assignment.artifactFolder, `${this.#artifactCount}`); // BC2
    writeFileSync(path, data, { flag: "wx" });
    const replaced = this.#artifacts.get(name);
    this.#artifacts.set(name, path);
    if (replaced !== undefined) unlinkSync(replaced);
  }

  random(): number {
    return this.#options.random.next();
  }

  async dependencies(): Promise<readonly DependencyResult[]> {
    const answer = await this.#options.link.ask({ kind: "parents" });
    if (answer.kind !== "file") throw new Error(answer.kind === "trouble" ? answer.message : "no answer");
    const text = await readFile(answer.path, "utf8");
    await unlink(answer.path);
    const parents = JSON.parse(text) as (Omit<DependencyResult, "output"> & { readonly output: string | null })[];
    return parents.map(({ output, ...rest }) => ({ ...rest, output: JSON.parse(output ?? "null") as unknown }));
  }

  async latestCheckpoint(jobId: string): Promise<CheckpointView | null> {
    const { link } = this.#options;
    const answer = await link.ask({ kind: "latest", job: jobId });
    if (answer.kind !== "latest") throw new Error(answer.kind === "trouble" ? answer.message : "no answer");
    if (answer.view === null) return null;
    const { handle, ...view } = answer.view;
    return {
      jobId,
      ...view,
      read: async (name) => {
        const file = await link.ask({ kind: "read", handle, name });
        if (file.kind !== "file") throw new Error(file.kind === "trouble" ? file.message : "no answer");
        const bytes = await readFile(file.path);
        await unlink(file.path);
        return bytes;
      },
    };
  }

  /** BC1: called between steps too, so that the last word is not kept back for long. */
  sendDueProgress(): void {
    const now = this.#options.clock.monotonicMs();
    if (this.#progressIsNews && now - this.#progressSentMs >= PROGRESS_EVERY_MS) this.sendProgress();
  }

  sendProgress(): void {
    if (!this.#progressIsNews || this.#progress === null) return;
    this.#progressIsNews = false;
    this.#progressSentMs = this.#options.clock.monotonicMs();
    this.#options.link.say({ kind: "progress", progress: this.#progress });
  }

  get lastProgress(): Progress | null {
    return this.#progress;
  }

  /** Hands the artifacts since the last call over to the keeper. */
  takeArtifacts(): readonly ArtifactFile[] {
    const artifacts = [...this.#artifacts].map(([name, path]) => ({ name, path }));
    this.#artifacts = new Map();
    return artifacts;
  }

  /** The work is no longer wanted. */
  end(): void {
    this.#ended = true;
    this.#abort?.abort();
  }
}

function logTo(stream: NodeJS.WritableStream, clock: Clock): TaskLog {
  const line =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      stream.write(
        `${JSON.stringify({ level, time: new Date(clock.nowMs()).toISOString(), msg: message, ...fields })}\n`,
      );
    };
  return { info: line("info"), warn: line("warn"), error: line("error") };
}
