/** Checkpoints of an attempt that could not be taken: noted in its log, and counted on the job. */
import type { CheckpointDrop } from "../../src/domain/checkpoint-trouble.ts";
import type { AgentLink } from "./agent-link.ts";

export interface CheckpointDropsOptions {
  readonly link: Pick<AgentLink, "request">;
  readonly note: (line: string) => void;
  /** The lease is lost. */
  readonly onRefused: (detail: string) => void;
  /** Aborts when nothing may be published any more. */
  readonly signal: AbortSignal;
}

export class CheckpointDrops {
  readonly #options: CheckpointDropsOptions;
  #count = 0;
  #none = "";

  constructor(options: CheckpointDropsOptions) {
    this.#options = options;
  }

  /** There was nothing to be taken: said when it is another reason than last time, for some read a mesh for an hour. */
  none(detail: string): void {
    if (detail !== this.#none) this.#options.note(`no checkpoint: ${detail}`);
    this.#none = detail;
  }

  /** Waits for nobody: what failed is the checkpoint, and the attempt goes on. */
  add(why: CheckpointDrop, detail: string): void {
    const { link, note, onRefused, signal } = this.#options;
    note(`a checkpoint failed: ${detail}`);
    this.#count += 1;
    this.#none = "";
    void link.request({ kind: "dropped", n: this.#count, why, detail }, signal).then((answer) => {
      if (answer.kind === "refused") onRefused(answer.detail);
    });
  }
}
