/**
 * Decides when a checkpoint that a running program writes is complete.
 *
 * CM1 By the program's word where it gives one: a line of its output, a marker file, or the last line of the files
 *     themselves. It counts from `begin` on.
 * CM2 Else by rest: something has changed since `begin`, every pattern matches, and nothing has changed for as long as it
 *     has to rest (`settling.ts`), in time that the program could have used (`program-time.ts`); five times as long
 *     while a process holds one of the files open for writing, or never where the definition says that it is `closed` when
 *     it is complete. A single file that is replaced by renaming is complete as
 *     soon as it is there.
 * CM3 Or at any moment, by the program's nature: then whoever takes it sees to it that it is one moment (`pause.ts`).
 */
import type { FilesLook } from "./checkpoint-files.ts";
import { FileChanges } from "./file-changes.ts";
import { REST_MS, Settling } from "./settling.ts";

const OPEN_FACTOR = 5;
/** Longer than files' times are coarse, and than a shell takes to end after its program was killed while it wrote. */
const CLOSED_REST_MS = 100;
const ENDING_SHOWN = 60;
const CHANGING_SHOWN = 3;

export interface Written {
  readonly settleMs: number | "auto";
  /** Is it complete only when nobody has it open? Then a short rest is enough. */
  readonly closed: boolean;
  readonly text: RegExp | null;
  readonly lastLine: RegExp | null;
  readonly by: "text" | "file" | "last_line" | "rest" | "always";
}

export type Judgement =
  | { readonly kind: "complete" }
  /** What is missing or moving, for the person who waits. */
  | { readonly kind: "waiting"; readonly why: string };

type Beginning = Pick<FilesLook, "signature" | "markers" | "growth">;

/** What is asked of the folder only when it matters. */
export interface Asking {
  /** Is one of the files held open for writing? */
  readonly isOpen: () => "yes" | "no" | "unknown";
  /** The last line of a file that is not empty; null: there is none. */
  readonly lastLineOf: (name: string) => string | null;
}

export class Completeness {
  readonly #written: Written;
  readonly #settling: Settling;
  readonly #changes = new FileChanges();
  #began: Beginning = { signature: "", markers: "", growth: "" };
  #told = false;
  #seen = "";
  /** Names of files that the definition says are replaced. */
  #known: ReadonlySet<string> = new Set();
  #sinceMs = 0;

  constructor(written: Written) {
    this.#written = written;
    this.#settling = new Settling(written.settleMs === "auto" && written.closed ? CLOSED_REST_MS : written.settleMs);
  }

  /** How long the files have to rest; 0 when something else tells. */
  get restMs(): number {
    return this.#written.by === "rest" ? this.#settling.restMs : 0;
  }

  /** A checkpoint that is there now is an old one. */
  begin(look: Beginning): void {
    this.#began = look;
    this.#told = false;
  }

  /** A line of the output. */
  line(text: string): void {
    if (this.#written.text?.test(text) === true) this.#told = true;
  }

  /** Has anything been written since `begin`? */
  hasNews({ signature, markers, growth, steady }: FilesLook): boolean {
    const grew = (this.#written.by === "always" || steady.length === 0) && growth !== this.#began.growth;
    return this.#told || grew || signature !== this.#began.signature || markers !== this.#began.markers;
  }

  /** A checkpoint was complete by another sign: the program has exited with it. */
  exited(): void {
    this.#settling.rested();
  }

  /** What is to be said about how its files change; null: nothing. */
  remark(): string | null {
    const remark = this.#settling.remark();
    return remark === null ? null : `${remark}${this.#changes.remark(this.#known)}`;
  }

  /** @param nowMs of a clock that goes only while the program could write */
  judge(look: FilesLook, nowMs: number, { isOpen, lastLineOf }: Asking): Judgement {
    const { by, lastLine } = this.#written;
    if (look.signature !== this.#seen) {
      this.#seen = look.signature;
      this.#changes.look(look.looks.filter(({ name }) => look.steady.includes(name)));
      this.#known = look.replaced;
      this.#sinceMs = nowMs;
      if (by === "rest" && look.signature !== this.#began.signature) this.#settling.changed(nowMs, look.bytes);
    }
    if (look.missing.length > 0) return waiting(`no file matches ${look.missing.join(", ")}`);
    if (by === "always") return { kind: "complete" }; // CM3
    if (by === "text")
      return this.#told ? { kind: "complete" } : waiting("no line of the output says that it is written");
    if (by === "file") {
      const marked = look.markers !== "" && look.markers !== this.#began.markers;
      return marked ? { kind: "complete" } : waiting("the marker file has not appeared or changed");
    }
    if (look.signature === this.#began.signature) return waiting("no file of the checkpoint has changed");
    if (by === "last_line") {
      if (look.endings.length === 0) return waiting("no file of the checkpoint is one whose last line would say so");
      const open = look.endings.find((name) => lastLine?.test(lastLineOf(name) ?? "") !== true);
      if (open === undefined) return { kind: "complete" };
      const ending = JSON.stringify((lastLineOf(open) ?? "").slice(0, ENDING_SHOWN));
      return waiting(`the last line of ${open} does not say so, it is ${ending}`);
    }
    const whole = look.steady.length === 1 && look.replaced.size === 1 && look.links.length === 0;
    const stoodMs = nowMs - this.#sinceMs;
    const longMs = this.#written.closed ? Infinity : this.#settling.restMs * OPEN_FACTOR;
    if (whole || stoodMs >= longMs) return this.#rested();
    if (stoodMs < this.#settling.restMs) {
      const changing = this.#changes.latest.slice(0, CHANGING_SHOWN).join(", ");
      return waiting(`its files still change (${changing})${this.#changes.remark(look.replaced)}`);
    }
    const open = isOpen();
    if (open === "yes") return waiting("its files are open for writing");
    const mustKnow = this.#written.closed && stoodMs < REST_MS;
    return open === "unknown" && mustKnow ? waiting("it cannot be seen whether its files are closed") : this.#rested();
  }

  #rested(): Judgement {
    this.#settling.rested();
    return { kind: "complete" };
  }
}

function waiting(why: string): Judgement {
  return { kind: "waiting", why };
}
