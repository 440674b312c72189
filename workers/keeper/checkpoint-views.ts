/**
 * Checkpoints of other jobs that the task looks at (`ctx.latestCheckpoint`). The runner reaches no store: its keeper
 * opens them and lays the files it asks for in the work folder, verified.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CheckpointPointer, type CheckpointStore, latestCheckpoint } from "../../src/checkpoints/checkpoints.ts";
import type { CheckpointView } from "../../src/tasks/context.ts";
import type { FromRunner, ToRunner } from "../runner/protocol.ts";
import type { AgentLink } from "./agent-link.ts";

/** Views that are kept open; a task that opens more at a time loses the oldest. */
const OPEN_AT_MOST = 64;

type Question = Extract<FromRunner, { kind: "latest" | "read" }>;

export class CheckpointViews {
  readonly #store: CheckpointStore;
  readonly #link: AgentLink;
  readonly #folder: string;
  readonly #open = new Map<number, CheckpointView>();
  #count = 0;

  /** @param folder exists already, for this alone */
  constructor(store: CheckpointStore, link: AgentLink, folder: string) {
    this.#store = store;
    this.#link = link;
    this.#folder = folder;
  }

  /** Never rejects: what goes wrong is the answer. */
  async answer(question: Question, signal: AbortSignal): Promise<ToRunner> {
    try {
      return question.kind === "latest"
        ? await this.#latest(question.id, question.job, signal)
        : await this.#read(question.id, question.handle, question.name);
    } catch (error) {
      return { kind: "trouble", id: question.id, message: error instanceof Error ? error.message : String(error) };
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
    const bytes = await view.read(name);
    this.#count += 1;
    const path = join(this.#folder, `${this.#count}`);
    await writeFile(path, bytes);
    return { kind: "file", id, path };
  }
}
