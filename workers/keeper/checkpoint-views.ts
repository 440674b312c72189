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
  storeNames,
} from "../../src/checkpoints/checkpoints.ts";
import type { FromRunner, ToRunner } from "../runner/protocol.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { AgentLink } from "./agent-link.ts";
import { untilStored } from "./store-patience.ts";

/** Views that are kept open; a task that opens more at a time loses the oldest. */
const OPEN_AT_MOST = 64;

type Question = Extract<FromRunner, { kind: "latest" | "read" | "parents" | "artifact" }>;

/** There is no such thing, and asking again does not make one. */
class Absent extends Error {
  override readonly name = "Absent";
}

export class CheckpointViews {
  readonly #store: CheckpointStore;
  readonly #link: AgentLink;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #open = new Map<number, StoredCheckpointView>();
  #count = 0;

  /** @param folder exists already, for this alone */
  constructor(store: CheckpointStore, link: AgentLink, folder: string, clock: Clock) {
    this.#store = store;
    this.#link = link;
    this.#folder = folder;
    this.#clock = clock;
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
    const view = await latestCheckpoint(this.#store, (wanted) => this.#find(wanted, signal), job);
    if (view === null) return { kind: "latest", id, view: null };
    this.#count += 1;
    const handle = this.#count;
    this.#open.set(handle, view);
    this.#open.delete(handle - OPEN_AT_MOST);
    const { seq, manifestSha256, progress, files } = view;
    return { kind: "latest", id, view: { handle, seq, manifestSha256, progress, files } };
  }

  async #find(job: string, signal: AbortSignal): Promise<CheckpointPointer | null> {
    const answer = await this.#link.request({ kind: "latest", job }, signal);
    if (answer.kind !== "ok") throw new Error("the attempt is over");
    return answer.latest ?? null;
  }

  async #read(id: number, handle: number, name: string): Promise<ToRunner> {
    const view = this.#open.get(handle);
    if (view === undefined) throw new Error(`more than ${OPEN_AT_MOST} checkpoints were opened after this one`);
    this.#count += 1;
    const path = join(this.#folder, `${this.#count}`);
    await view.copyTo(name, path);
    return { kind: "file", id, path };
  }

  async #parents(id: number, signal: AbortSignal): Promise<ToRunner> {
    const answer = await this.#link.request({ kind: "parents" }, signal);
    if (answer.kind !== "ok") throw new Error("the attempt is over");
    this.#count += 1;
    const path = join(this.#folder, `${this.#count}`);
    await writeFile(path, JSON.stringify(answer.parents ?? []));
    return { kind: "file", id, path };
  }

  async #artifact({ id, job, name }: Extract<Question, { kind: "artifact" }>, signal: AbortSignal): Promise<ToRunner> {
    if (!storeNames.isArtifactName(name)) throw new Absent(`"${name}" is no name of an artifact`);
    const answer = await this.#link.request({ kind: "artifact", job, name }, signal);
    if (answer.kind !== "ok") throw new Error("the attempt is over");
    const { artifact } = answer;
    if (!artifact) throw new Absent(`job ${job} has published no artifact ${name}; let this job wait for it`);
    return untilStored({ clock: this.#clock, signal }, async () => {
      this.#count += 1;
      const path = join(this.#folder, `${this.#count}`); // Another for each try.
      const content = await this.#store.copyTo(storeNames.artifactName(job, name, artifact.sha256), path);
      if (content === null) throw new Absent(`the artifact ${name} of job ${job} is not in the store any more`);
      if (content.sha256 !== artifact.sha256) throw new Error(`the artifact ${name} of job ${job} is damaged`);
      return { kind: "file", id, path };
    });
  }
}
