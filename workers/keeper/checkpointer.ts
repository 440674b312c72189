/**
 * Takes the checkpoints of an attempt, one at a time: snapshot → store → commit.
 *
 * CK1 A checkpoint exists when the agent has committed it under the fence, not before. What was stored and not
 *     committed is nothing, whoever reads it.
 * CK2 The parent of a checkpoint is the last one that this attempt committed, or started from.
 * CK3 A checkpoint that fails costs a checkpoint, not the job: the program has gone on meanwhile.
 * CK4 What is written onto a folder that has lost its mount is nowhere. So it is asked whose store this is before and
 *     after: asked afterwards alone, a mount that had come back by then would vouch for what is not in it.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  CheckpointGarbage,
  type CheckpointStore,
  demandIdentity,
  isNoRoom,
  StoreFault,
  writeCheckpoint,
  type WrittenCheckpoint,
} from "../../src/checkpoints/checkpoints.ts";
import type { CheckpointCost } from "../../src/domain/checkpoint-interval.ts";
import type { CheckpointDrop } from "../../src/domain/checkpoint-trouble.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { FaultPoints } from "../../src/runtime/fault-points.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { AgentLink, Granted } from "./agent-link.ts";
import type { AttemptTraces } from "./attempt-traces.ts";
import type { PendingArtifacts } from "./artifacts.ts";
import type { CheckpointSource, Snapshot } from "./checkpoint-source.ts";
import type { Assignment } from "./protocol.ts";
import type { TimeAccount } from "./time-account.ts";

export type Taken =
  | { readonly kind: "committed"; readonly seq: number; readonly cost: CheckpointCost }
  | { readonly kind: "failed"; readonly why: CheckpointDrop; readonly detail: string }
  /** There was nothing to save. */
  | { readonly kind: "nothing"; readonly detail: string }
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "given_up" };

export interface CheckpointerOptions {
  readonly assignment: Assignment;
  readonly store: CheckpointStore;
  readonly link: AgentLink;
  readonly clock: Clock;
  readonly faults: FaultPoints;
  readonly logger: Logger;
  readonly artifacts: PendingArtifacts;
  readonly time: TimeAccount;
  readonly source: CheckpointSource;
  readonly traces: AttemptTraces;
  /** The checkpoint that the attempt started from. */
  readonly parent: WrittenCheckpoint | null;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #garbage: CheckpointGarbage;
  #parent: WrittenCheckpoint | null;
  #seq: number;
  #trial = 0;
  #snapshots = 0;
  #committing: Promise<unknown> = Promise.resolve();
  #collecting: Promise<void> = Promise.resolve();

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    const { store, assignment, faults } = options;
    this.#garbage = new CheckpointGarbage(store, assignment.job, assignment.fence, faults);
    this.#parent = options.parent;
    this.#seq = assignment.nextSeq;
  }

  /** Of the last checkpoint, bytes; 0: there is none. */
  get lastBytes(): number {
    return this.#parent?.manifest.bytes ?? 0;
  }

  /** Resolves when no commit is under way: what the agent does next comes after it. */
  async settled(): Promise<void> {
    await this.#committing;
  }

  /**
   * Takes one checkpoint.
   * @param then whether the program goes on behind it, or holds still for the end of the attempt
   * @param signal aborts: no checkpoint is wanted any more; what is not committed yet will not be
   */
  async take(then: "go_on" | "hold", signal: AbortSignal): Promise<Taken> {
    const { clock, logger, source } = this.#options;
    const beginMs = clock.monotonicMs();
    this.#snapshots += 1;
    const folder = join(this.#options.assignment.workFolder, `save-${this.#snapshots}`);
    try {
      await mkdir(folder);
      const snapshot = await source.snapshot(folder, then, signal);
      if (snapshot === null) return { kind: "given_up" };
      if (snapshot.kind === "save_failed") {
        return { kind: "failed", why: DROP_OF_SAVE[snapshot.why], detail: snapshot.message };
      }
      if (snapshot.kind === "not_saved") return { kind: "nothing", detail: snapshot.message };
      if (snapshot.kind === "changed") return { kind: "failed", why: "changed", detail: snapshot.detail };
      this.#options.artifacts.add(snapshot.artifacts);
      this.#options.time.stood(snapshot.blockedMs);
      if (then === "hold") this.#options.time.still();
      return await this.#storeAndCommit(snapshot, beginMs, signal);
    } catch (error) {
      if (signal.aborted) return { kind: "given_up" };
      logger.warn({ err: error, seq: this.#seq }, "checkpoint not stored");
      source.notStored();
      return { kind: "failed", why: dropOf(error), detail: error instanceof Error ? error.message : String(error) }; // CK3
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #storeAndCommit(
    saved: Extract<Snapshot, { kind: "saved" }>,
    beginMs: number,
    signal: AbortSignal,
  ): Promise<Taken> {
    const { assignment, store, clock, faults, link, artifacts, time, logger } = this.#options;
    const seq = this.#seq;
    const computedMs = time.computedMs();
    faults.reach("keeper.before-upload");
    const trial = this.#trial;
    this.#trial += 1; // Whatever becomes of it, this name is used up.
    await demandIdentity(store, assignment.storeId); // CK4
    await this.#options.traces.written(); // JT1
    const stored = await artifacts.store();
    const written = await writeCheckpoint(store, saved.frozen, {
      job: assignment.job,
      task: assignment.task,
      checkpointVersion: assignment.checkpointVersion,
      seq,
      fence: assignment.fence,
      attempt: assignment.attempt,
      parent: this.#parent,
      progress: saved.progress,
      createdAt: new Date(clock.nowMs()).toISOString(),
      artifacts: stored.map(({ entry }) => entry),
      trial,
    });
    await demandIdentity(store, assignment.storeId); // CK4
    faults.reach("keeper.after-upload-before-commit");
    if (signal.aborted) return { kind: "given_up" };
    const totalMs = Math.round(clock.monotonicMs() - beginMs);
    const blockedMs = Math.round(saved.blockedMs);
    const request = link.request(
      {
        kind: "commit",
        checkpoint: {
          seq,
          parent: this.#parent?.manifest.seq ?? null,
          manifest: written.name,
          manifestSha256: written.sha256,
          bytes: written.manifest.bytes,
          progress: saved.progress,
          artifacts: stored.map(({ entry }) => entry),
          blockedMs,
          totalMs,
          account: time.report(computedMs),
        },
      },
      signal,
    );
    this.#committing = request;
    const answer = await request;
    if (answer.kind !== "ok") return answer;
    faults.reach("keeper.after-commit");
    time.kept(computedMs);
    this.#seq += 1;
    this.#trial = 0;
    this.#parent = written; // CK2
    await artifacts.committed(stored);
    artifacts.discard(answer.oldArtifacts ?? []);
    this.#collect(answer, written.name);
    logger.info({ seq, bytes: written.manifest.bytes, blockedMs, totalMs }, "checkpoint committed");
    return { kind: "committed", seq, cost: { blockedMs: saved.blockedMs, totalMs: clock.monotonicMs() - beginMs } };
  }

  /** Deletes what the commit has freed, beside the program and the next checkpoint. */
  #collect({ garbage = [], kept = [] }: Granted, written: string): void {
    // A commit that was answered twice tells nothing about the others (its first answer was lost).
    if (!kept.includes(written)) return;
    this.#collecting = this.#collecting
      .then(() => this.#garbage.collect(garbage, kept))
      .then(
        (deleted) => {
          if (deleted > 0) this.#options.logger.debug({ deleted }, "garbage deleted");
        },
        (error: unknown) => this.#options.logger.warn({ err: error }, "garbage not deleted"),
      );
  }
}

const DROP_OF_SAVE = { task: "save_failed", no_room: "no_room", disk_failed: "not_stored" } as const;

function dropOf(error: unknown): CheckpointDrop {
  if (isNoRoom(error)) return "no_room";
  return error instanceof StoreFault && error.reason === "changed" ? "changed" : "not_stored";
}
