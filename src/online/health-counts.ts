/** What was found out about replicas, and done about it, since this process started: numbers by task. */
import type { LaneVerdict } from "../domain/canary-judge.ts";
import type { Misconduct } from "../domain/ejection.ts";

export type ReturnReason = "proven" | "drowning" | "excess";

export interface TaskHealth {
  /** Times that a replica was parked, by why. */
  readonly ejections: Readonly<Record<Misconduct, number>>;
  /** Times that one was let back, by why. */
  readonly returns: Readonly<Record<ReturnReason, number>>;
  readonly probes: number;
  readonly canaries: { readonly sent: number; readonly missed: number };
  /** Replicas that were found to take or answer nothing. */
  readonly condemned: Readonly<Record<Exclude<LaneVerdict, "well">, number>>;
}

interface Mutable {
  readonly ejections: Record<Misconduct, number>;
  readonly returns: Record<ReturnReason, number>;
  probes: number;
  readonly canaries: { sent: number; missed: number };
  readonly condemned: Record<Exclude<LaneVerdict, "well">, number>;
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

  canarySent(task: string): void {
    this.#of(task).canaries.sent += 1;
  }

  canaryMissed(task: string): void {
    this.#of(task).canaries.missed += 1;
  }

  condemned(task: string, verdict: Exclude<LaneVerdict, "well">): void {
    this.#of(task).condemned[verdict] += 1;
  }

  get byTask(): ReadonlyMap<string, TaskHealth> {
    return this.#tasks;
  }

  #of(task: string): Mutable {
    let counts = this.#tasks.get(task);
    if (counts === undefined) {
      counts = {
        ejections: { slow: 0, failing: 0 },
        returns: { proven: 0, drowning: 0, excess: 0 },
        probes: 0,
        canaries: { sent: 0, missed: 0 },
        condemned: { deaf: 0, mute: 0, clogged: 0 },
      };
      this.#tasks.set(task, counts);
    }
    return counts;
  }
}
