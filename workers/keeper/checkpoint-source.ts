/**
 * Where the files of a checkpoint come from: a task that saves its state into a folder, or a program whose files are
 * frozen where they lie. Either way they are at rest when they get here, and the program is at work again.
 */
import { CopyFollower, handedOver, type FrozenFolder } from "../../src/checkpoints/checkpoints.ts";
import type { ArtifactFile, FromRunner } from "../runner/protocol.ts";
import type { Progress } from "./protocol.ts";
import type { RunnerProcess } from "./runner-process.ts";

export type Snapshot =
  | {
      readonly kind: "saved";
      readonly frozen: FrozenFolder;
      /** How long the program stood still for it, ms. */
      readonly blockedMs: number;
      readonly progress: Progress | null;
      /** Handed out since the last checkpoint. */
      readonly artifacts: readonly ArtifactFile[];
    }
  | { readonly kind: "save_failed"; readonly why: "task" | "no_room" | "disk_failed"; readonly message: string }
  /** There is nothing new, or the task never has anything to save. */
  | { readonly kind: "not_saved"; readonly message: string }
  /** Its files changed while they were frozen: nobody's fault, and another try may find them at rest. */
  | { readonly kind: "changed"; readonly detail: string };

export interface CheckpointSource {
  /**
   * Brings the state to rest in `folder`, which exists and is empty, and is deleted when it has been stored.
   *
   * @param then whether the program goes on behind it, or holds still for the end of the attempt
   * @returns null when `signal` aborted first
   */
  snapshot(folder: string, then: "go_on" | "hold", signal: AbortSignal): Promise<Snapshot | null>;
  /** The last snapshot could not be stored: what lies ready somewhere may be offered again. */
  notStored(): void;
}

type Saved = Extract<FromRunner, { kind: "saved" | "save_failed" | "not_saved" }>;

/** A task that saves into a folder when it is told to, and never touches that folder again (RP2). */
export class SavingRunner implements CheckpointSource {
  readonly #runner: Pick<RunnerProcess, "tell">;
  #saves = 0;
  readonly #follower = new CopyFollower();
  #onSaved: ((saved: Saved | null) => void) | null = null;

  constructor(runner: Pick<RunnerProcess, "tell">) {
    this.#runner = runner;
  }

  /** Takes the runner's answer to a save, or that it copies a file of one: the hash, which takes longest, begins here. */
  heard(said: Saved | Extract<FromRunner, { kind: "copying" }>): void {
    if (said.kind !== "copying") {
      if (said.id === this.#saves) this.#onSaved?.(said);
    } else if (this.#onSaved !== null) this.#follower.follow(said.copy);
  }

  async snapshot(folder: string, then: "go_on" | "hold", signal: AbortSignal): Promise<Snapshot | null> {
    try {
      const saved = await this.#save(folder, then, signal);
      if (saved?.kind !== "saved") return saved;
      const { blockedMs, progress, artifacts, atRest } = saved;
      const frozen = this.#follower.handOver(await handedOver(folder, atRest));
      return { kind: "saved", frozen, blockedMs, progress, artifacts };
    } finally {
      this.#follower.follow(null); // CF3
    }
  }

  notStored(): void {
    this.#runner.tell({ kind: "not_stored", id: this.#saves });
  }

  #save(folder: string, then: "go_on" | "hold", signal: AbortSignal): Promise<Saved | null> {
    this.#saves += 1;
    return new Promise((resolve) => {
      const finish = (saved: Saved | null): void => {
        signal.removeEventListener("abort", giveUp);
        this.#onSaved = null;
        resolve(saved);
      };
      const giveUp = (): void => finish(null);
      if (signal.aborted) {
        resolve(null);
        return;
      }
      signal.addEventListener("abort", giveUp, { once: true });
      this.#onSaved = finish;
      this.#runner.tell({ kind: "save", id: this.#saves, folder, then });
    });
  }
}
