/**
 * Decides when a checkpoint that a running program writes is complete.
 *
 * CM1 By the program's word where it gives one: a line of its output, or a marker file. It counts from `begin` on.
 * CM2 Else by rest: something has changed since `begin`, every pattern matches, and nothing has changed for
 *     `settleMs`; five times as long while a process holds one of the files open for writing. A single file that is
 *     replaced by renaming is complete as soon as it is there.
 */
import type { FilesLook } from "./checkpoint-files.ts";

const OPEN_FACTOR = 5;

export interface Written {
  readonly settleMs: number;
  readonly text: RegExp | null;
  readonly by: "text" | "file" | "rest";
}

export type Judgement =
  | { readonly kind: "complete" }
  /** What is missing or moving, for the person who waits. */
  | { readonly kind: "waiting"; readonly why: string };

export class Completeness {
  readonly #written: Written;
  #began: Pick<FilesLook, "signature" | "markers"> = { signature: "", markers: "" };
  #told = false;
  #seen = "";
  #sinceMs = 0;

  constructor(written: Written) {
    this.#written = written;
  }

  /** A checkpoint that is there now is an old one. */
  begin(look: Pick<FilesLook, "signature" | "markers">): void {
    this.#began = look;
    this.#told = false;
  }

  /** A line of the output. */
  line(text: string): void {
    if (this.#written.text?.test(text) === true) this.#told = true;
  }

  /** Has anything been written since `begin`? */
  hasNews({ signature, markers }: FilesLook): boolean {
    return this.#told || signature !== this.#began.signature || markers !== this.#began.markers;
  }

  /** @param isOpen is one of the files held open for writing? Asked only when it matters */
  judge(look: FilesLook, nowMs: number, isOpen: () => boolean): Judgement {
    const { by, settleMs } = this.#written;
    if (look.signature !== this.#seen) {
      this.#seen = look.signature;
      this.#sinceMs = nowMs;
    }
    if (look.missing.length > 0) return waiting(`no file matches ${look.missing.join(", ")}`);
    if (by === "text")
      return this.#told ? { kind: "complete" } : waiting("no line of the output says that it is written");
    if (by === "file") {
      const marked = look.markers !== "" && look.markers !== this.#began.markers;
      return marked ? { kind: "complete" } : waiting("the marker file has not appeared or changed");
    }
    if (look.signature === this.#began.signature) return waiting("no file of the checkpoint has changed");
    const whole = look.steady.length === 1 && look.replaced.size === 1;
    const restMs = nowMs - this.#sinceMs;
    if (whole || restMs >= settleMs * OPEN_FACTOR) return { kind: "complete" };
    if (restMs < settleMs) return waiting(`its files still change (${look.steady.slice(0, 3).join(", ")})`);
    return isOpen() ? waiting("its files are open for writing") : { kind: "complete" };
  }
}

function waiting(why: string): Judgement {
  return { kind: "waiting", why };
}
