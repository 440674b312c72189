/** What was found out about replicas, and done about it, since this process started: numbers by task. */
import type { Misconduct } from "../domain/ejection.ts";

export type ReturnReason = "proven" | "drowning" | "excess";

export interface TaskHealth {
  /** Times that a replica was parked, by why. */
  readonly ejections: Readonly<Record<Misconduct, number>>;
  /** Times that one was let back, by why. */
  readonly returns: Readonly<Record<ReturnReason, number>>;
  readonly probes: number;
}

interface Mutable {
  readonly ejections: Record<Misconduct, number>;
  readonly returns: Record<ReturnReason, number>;
  probes: number;
}

export class HealthCounts {
  readonly #tasks = new Map<string, Mutable>();

  ejected(task: string, why: Misconduct): void {
    this.#of(task).ejections[why] += 1;
  }

  returned(task: string, because: ReturnReason): void {
    this.#of(task).returns[because] += 1;
  }

  probed(task: string): void {
    this.#of(task).probes += 1;
  }

  get byTask(): ReadonlyMap<string, TaskHealth> {
    return this.#tasks;
  }

  #of(task: string): Mutable {
    let counts = this.#tasks.get(task);
    if (counts === undefined) {
      counts = { ejections: { slow: 0, failing: 0 }, returns: { proven: 0, drowning: 0, excess: 0 }, probes: 0 };
      this.#tasks.set(task, counts);
    }
    return counts;
  }
}
