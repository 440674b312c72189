/**
 * Definitions of a task, as quickly as a hot route needs them: the registry sorts and filters anew each time, and what
 * it says changes a few times a second at most.
 */
import type { TaskInfo } from "../src/contract/worker.ts";
import type { TaskRegistry } from "../src/fleet/fleet.ts";
import type { Clock } from "../src/runtime/clock.ts";

/** As often as the registry itself looks at Redis. */
const FRESH_MS = 250;

interface Known {
  readonly definitions: readonly TaskInfo[];
  readonly untilMs: number;
}

export class TaskLookup {
  readonly #registry: TaskRegistry;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();

  constructor(options: { readonly registry: TaskRegistry; readonly clock: Clock }) {
    this.#registry = options.registry;
    this.#clock = options.clock;
  }

  /** What was found a moment ago; null when it has to be looked up. */
  known(name: string): readonly TaskInfo[] | null {
    const known = this.#known.get(name);
    return known !== undefined && known.untilMs > this.#clock.monotonicMs() ? known.definitions : null;
  }

  /** Definitions of a task, the newest first; empty when nobody ever had it. @throws RedisFault */
  async find(name: string): Promise<readonly TaskInfo[]> {
    const definitions = await this.#registry.find(name);
    if (definitions.length > 0) {
      this.#known.set(name, { definitions, untilMs: this.#clock.monotonicMs() + FRESH_MS });
    }
    return definitions;
  }
}
