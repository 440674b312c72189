/**
 * What the task looks at of other jobs: their checkpoints (`ctx.latestCheckpoint`), and their artifacts. The runner
 * reaches no store: its keeper lays the files it asks for in the work folder, verified.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CheckpointPointer,
  type CheckpointStore,
  latestCheckpoint,
  type StoredCheckpointView,
} from "../../src/checkpoints/checkpoints.ts";
import type { FromRunner, ToRunner } from "../runner/protocol.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { AgentLink } from "./agent-link.ts";
import { Absent, fetchArtifact } from "./foreign-artifact.ts";
import { heldUpBy } from "./store-patience.ts";
import type { Assignment, HeldUp } from "./protocol.ts";

/** Views that are kept open; a task that opens more at a time loses the oldest. */
const OPEN_AT_MOST = 64;

type Question = Extract<FromRunner, { kind: "latest" | "read" | "parents" | "artifact" }>;

export interface CheckpointViewsOptions {
  readonly store: CheckpointStore;
  readonly assignment: Pick<Assignment, "storeId" | "storePatienceMs">;
  readonly link: AgentLink;
  /** Exists already, for this alone. */
  readonly folder: string;
  readonly clock: Clock;
  /** An input of the task cannot be had on this worker now, for a reason that is not the task's. */
  readonly onHeldUp: (why: HeldUp, detail: string) => void;
}

export class CheckpointViews {
  readonly #options: CheckpointViewsOptions;
  readonly #open = new Map<number, StoredCheckpointView>();
  #count = 0;

  constructor(options: CheckpointViewsOptions) {
    this.#options = options;
  }

  /** Never rejects: what goes wrong is the answer. */
  async answer(question: Question, signal: AbortSignal): Promise<ToRunner> {
    try {
      switch (question.kind) {
        case "latest":
          return await this.#latest(question.id, question.job, signal);
        case "read":
          return await this.#read(question.id, question.handle, question.name);
        case "parents":
          return await this.#parents(question.id, signal);
        case "artifact":
          return await this.#artifact(question, signal);
      }
    } catch (error) {
      const why = error instanceof Absent ? "absent" : "fault";
      return { kind: "trouble", id: question.id, why, message: error instanceof Error ? error.message : String(error) };
    }
  }

  async #latest(id: number, job: string, signal: AbortSignal): Promise<ToRunner> {
    const view = await latestCheckpoint(this.#options.store, (wanted) => this.#find(wanted, signal), job);
    if (view === null) return { kind: "latest", id, view: null };
    this.#count += 1;
    const handle = this.#count;
    this.#open.set(handle, view);
    this.#open.delete(handle - OPEN_AT_MOST);
    const { seq, manifestSha256, progress, files } = view;
    return { kind: "latest", id, view: { handle, seq, manifestSha256, progress, files } };
  }

  async #find(job: string, signal: AbortSignal): Promise<CheckpointPointer | null> {
    const answer = await this.#options.link.request({ kind: "latest", job }, signal);
    if (answer.kind !== "ok") throw new Error("the attempt is over");
    return answer.latest ?? null;
  }

  async #read(id: number, handle: number, name: string): Promise<ToRunner> {
    const view = this.#open.get(handle);
    if (view === undefined) throw new Error(`more than ${OPEN_AT_MOST} checkpoints were opened after this one`);
    const path = this.#newPath();
    await view.copyTo(name, path);
    return { kind: "file", id, path };
  }

  async #parents(id: number, signal: AbortSignal): Promise<ToRunner> {
    const answer = await this.#options.link.request({ kind: "parents" }, signal);
    if (answer.kind !== "ok") throw new Error("the attempt is over");
    const path = this.#newPath();
    await writeFile(path, JSON.stringify(answer.parents ?? []));
    return { kind: "file", id, path };
  }

  async #artifact(question: Extract<Question, { kind: "artifact" }>, signal: AbortSignal): Promise<ToRunner> {
    const { storeId, storePatienceMs: patienceMs } = this.#options.assignment;
    const options = { ...this.#options, storeId, patienceMs, signal, newPath: () => this.#newPath() };
    try {
      const path = await fetchArtifact(question, options);
      return { kind: "file", id: question.id, path };
    } catch (error) {
      const why = heldUpBy(error);
      if (why !== null) this.#options.onHeldUp(why, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  #newPath(): string {
    this.#count += 1;
    return join(this.#options.folder, `${this.#count}`);
  }
}
