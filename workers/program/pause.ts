/**
 * Pauses a program, all of its processes, so that its files are of one moment: what they are then is what they would be
 * had it been ended by SIGKILL.
 *
 * PA1 It is paused when no thread of it runs: seen twice in a row, with nobody new in between, as one that is not known
 *     yet may just be starting another. By its control group where it has one of its own, else by SIGSTOP to each.
 * PA2 What was stopped already, by the program itself or somebody else, is left so at the end.
 * PA3 A pause that cannot be is given up after a moment and tried again: a parent that waits for its child between
 *     `vfork` and `exec` cannot stop while that is stopped. After some seconds it is said.
 * PA4 Whether it held is asked at its end: somebody else may have sent SIGCONT (a keeper that has its lease again).
 * PA5 Nobody stays paused for ever: when this process is gone, its guard ends the program (GU1), and what is stopped or
 *     frozen can be ended.
 */
import type { Clock } from "../../src/runtime/clock.ts";
import type { ProgramGroup } from "./program-group.ts";
import { type Member, type ProcessTree, send } from "./process-tree.ts";
import { areStopped, threadsOf } from "./threads.ts";

const LOOK_MS = 2;
/** PA1 */
const CALM_LOOKS = 2;
/** PA3: one try, the pause before the next, all of them together. */
const TRY_MS = 250;
const AGAIN_MS = 25;
const GIVE_UP_MS = 5_000;

export interface PauseOptions {
  readonly tree: Pick<ProcessTree, "look">;
  /** Null: it has none of its own. */
  readonly group: ProgramGroup | null;
  readonly clock: Clock;
}

export class Pause {
  readonly #options: PauseOptions;
  /** Those that were stopped here (PA2): start times by process id. */
  readonly #stopped = new Map<number, string>();
  #frozen = false;
  #beganMs: number | null = null;
  #stoodMs = 0;
  #trace = "";

  constructor(options: PauseOptions) {
    this.#options = options;
  }

  /** @returns why it cannot be paused, and it goes on; null: it is */
  async begin(): Promise<string | null> {
    const { clock } = this.#options;
    const giveUpMs = clock.monotonicMs() + GIVE_UP_MS;
    for (;;) {
      this.#beganMs = clock.monotonicMs();
      if (await this.#stopAll(this.#beganMs + TRY_MS)) break;
      this.end();
      if (clock.monotonicMs() >= giveUpMs) return "its processes could not be stopped: one waits for a disk or a child";
      await clock.sleep(AGAIN_MS); // PA3
    }
    const members = this.#options.tree.look();
    this.#trace = this.#traceOf(members);
    if (members.length > 0) return null;
    this.end();
    return "no process of it runs";
  }

  /** PA4. @returns what is wrong; null: nothing of it has run since `begin` */
  broken(): string | null {
    const members = this.#options.tree.look();
    const held = (!this.#frozen || this.#options.group?.isFrozen === true) && this.#traceOf(members) === this.#trace;
    return held ? null : "somebody else let the program go on, or ended it, while its files were frozen";
  }

  /** It goes on. Repeating it changes nothing. */
  end(): void {
    if (this.#beganMs === null) return;
    if (this.#frozen) this.#options.group?.thaw();
    this.#frozen = false;
    for (const { pid, startedAt } of this.#stopped.size === 0 ? [] : this.#options.tree.look()) {
      if (this.#stopped.get(pid) === startedAt) send(pid, "SIGCONT");
    }
    this.#stopped.clear();
    this.#stoodMs += this.#options.clock.monotonicMs() - this.#beganMs;
    this.#beganMs = null;
  }

  /** For how long it stood in all, ms. */
  get stoodMs(): number {
    return this.#stoodMs + (this.#beganMs === null ? 0 : this.#options.clock.monotonicMs() - this.#beganMs);
  }

  /** PA1 */
  async #stopAll(untilMs: number): Promise<boolean> {
    const { tree, group, clock } = this.#options;
    this.#frozen = group?.freeze() === true;
    let seen = "";
    for (let calm = 0; calm < CALM_LOOKS;) {
      if (clock.monotonicMs() >= untilMs) return false;
      const members = tree.look();
      const running = members.filter((member) => !this.#stands(member));
      const keys = members.map(({ pid, startedAt }) => `${pid} ${startedAt}`).join("\n");
      calm = running.length === 0 && (calm === 0 || keys === seen) ? calm + 1 : 0;
      seen = keys;
      for (const { pid, startedAt } of running) {
        if (this.#frozen && group?.holds(pid) === true) continue;
        this.#stopped.set(pid, startedAt);
        send(pid, "SIGSTOP");
      }
      await clock.sleep(LOOK_MS);
    }
    return true;
  }

  #stands({ pid }: Member): boolean {
    const { group } = this.#options;
    if (this.#frozen && group?.holds(pid) === true) return group.isFrozen;
    return areStopped(pid);
  }

  /** Equal while nothing runs. Frozen ones may be woken by a signal, and stay frozen: the kernel's word counts for them. */
  #traceOf(members: readonly Member[]): string {
    const { group } = this.#options;
    const traces = members.map(({ pid, startedAt }) => {
      if (this.#frozen && group?.holds(pid) === true) return `${pid} ${startedAt}`;
      return threadsOf([pid]).map(({ id, ranMs }) => `${pid} ${id} ${ranMs}`);
    });
    return traces.flat().join("\n");
  }
}
