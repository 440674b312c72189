/** Which tasks there are, and who has them, from what this process last saw of the fleet. */
import { NEVER_ASKED_MS } from "../domain/checkpoint-interval.ts";
import type { TaskInfo, TaskView } from "../contract/worker.ts";
import type { Clock } from "../runtime/clock.ts";
import { reading } from "../redis/fault.ts";
import type { FleetWatch, WatchedWorker } from "./fleet-watch.ts";

/** An unknown name makes us look at Redis at most this often: it may be anybody's typing error. */
const LOOK_AGAIN_MS = 200;

export class TaskRegistry {
  readonly #watch: FleetWatch;
  readonly #clock: Clock;
  #lookedMs = -LOOK_AGAIN_MS;
  #looking: Promise<void> | null = null;

  constructor(options: { readonly watch: FleetWatch; readonly clock: Clock }) {
    this.#watch = options.watch;
    this.#clock = options.clock;
  }

  /** Definitions of `name` that a live worker has, those of the youngest worker first. No I/O. */
  live(name: string): readonly TaskInfo[] {
    const youngest = this.#watch
      .workers()
      .filter(isLive)
      .sort((a, b) => ((a.registration?.startedAt ?? "") < (b.registration?.startedAt ?? "") ? 1 : -1));
    const order = new Map<string, number>();
    for (const { registration } of youngest) {
      for (const task of registration?.tasks ?? []) if (!order.has(task)) order.set(task, order.size);
    }
    const rank = (task: TaskInfo): number => order.get(`${task.name}@${task.definition}`) ?? -1;
    return this.#watch.tasks.filter((task) => task.name === name && rank(task) >= 0).sort((a, b) => rank(a) - rank(b));
  }

  /**
   * Definitions of a task: the live ones, else those that were ever registered.
   * @returns empty when nobody ever had it
   * @throws RedisFault
   */
  async find(name: string): Promise<readonly TaskInfo[]> {
    const live = this.live(name);
    if (live.length > 0) return live;
    await this.#lookAgain();
    const found = this.live(name);
    return found.length > 0 ? found : this.#watch.tasks.filter((task) => task.name === name);
  }

  /** Who asks while somebody looks waits for what he finds: many may ask at once for what nobody has seen yet. */
  async #lookAgain(): Promise<void> {
    const now = this.#clock.monotonicMs();
    if (this.#looking === null) {
      if (now - this.#lookedMs < LOOK_AGAIN_MS) return;
      this.#lookedMs = now;
      this.#looking = reading(() => this.#watch.refresh()).finally(() => (this.#looking = null));
    }
    await this.#looking;
  }

  /** Looks at Redis, so that a worker that has just registered is seen. Without Redis what was seen last has to do. */
  async refresh(): Promise<void> {
    await this.#watch.refresh().catch(() => undefined);
  }

  /** All known definitions, by name. */
  list(): readonly TaskView[] {
    const workers = this.#watch.workers().filter(isLive);
    return [...this.#watch.tasks]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((task) => ({
        ...task,
        // A program that makes its checkpoints by itself has none that anybody keeps.
        interval:
          typeof task.interval?.everyMs === "number" && task.interval.everyMs >= NEVER_ASKED_MS ? null : task.interval,
        workers: workers
          .filter(({ registration }) => registration?.tasks.includes(`${task.name}@${task.definition}`) === true)
          .map(({ id }) => id),
      }));
  }
}

/** Does the worker take or keep work? */
export function isLive({ beat }: WatchedWorker): boolean {
  return beat.state !== "lost" && beat.state !== "stopped" && beat.state !== "drained";
}
