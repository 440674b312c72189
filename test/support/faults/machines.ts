/**
 * Machines that a fault may strike: each has a network of its own to Redis, a wall clock of its own and a disk that can
 * fail, and a worker on it that is started anew when it was killed.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Fleet } from "../fleet.ts";
import { SilentNetwork } from "../silent-network.ts";
import type { FailingDisk } from "./failing-disk.ts";
import type { JumpingClocks } from "./jumping-clock.ts";
import { preloadedNode, type PreloadedNode } from "./preloaded-node.ts";

const START_AGAIN_MS = 500;

/** What is preloaded into all processes of a machine. */
export interface Preloaded {
  readonly disk: FailingDisk;
  readonly clocks: JumpingClocks;
}

export class Machine {
  readonly name: string;
  readonly network: SilentNetwork;
  readonly #fleet: Fleet;
  readonly #node: PreloadedNode | undefined;
  readonly #clocks: JumpingClocks | null;
  /** Of the worker that runs on it. */
  workerId: string;
  /** A fault is at work on it. */
  struck = false;
  #starts = 0;

  private constructor(fleet: Fleet, name: string, network: SilentNetwork, preloaded: Preloaded | null) {
    this.#fleet = fleet;
    this.name = name;
    this.network = network;
    this.workerId = name;
    this.#clocks = preloaded?.clocks ?? null;
    if (preloaded === null) return;
    const { disk, clocks } = preloaded;
    const variables = { ...disk.variables, ...clocks.variables(name) };
    this.#node = preloadedNode(fleet.folder, name, [disk.library, clocks.library], variables);
  }

  static async start(fleet: Fleet, name: string, preloaded: Preloaded | null): Promise<Machine> {
    const machine = new Machine(fleet, name, await SilentNetwork.open(fleet.redis.port), preloaded);
    await machine.#startWorker();
    return machine;
  }

  /** @returns false: it has a right clock for ever */
  setClock(seconds: number): boolean {
    this.#clocks?.set(this.name, seconds);
    return this.#clocks !== null;
  }

  /**
   * SIGKILL to all that runs on it; a moment later it is back.
   * @param as the same worker, or another one by its name
   */
  async crash(as: "same" | "another"): Promise<void> {
    await this.#fleet.signal(this.workerId, "SIGKILL");
    await this.restart(as);
  }

  /** Starts its worker again, which has ended. */
  async restart(as: "same" | "another"): Promise<void> {
    // What was signalled stood in a record that a Redis which was set back may have had from an agent before this one.
    await this.#fleet.killAgent(this.workerId);
    await delay(START_AGAIN_MS);
    this.#starts += 1;
    if (as === "another") this.workerId = `${this.name}.${this.#starts}`;
    await this.#startWorker();
  }

  async #startWorker(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#fleet.addWorker(this.workerId, { CAIRN_REDIS_URL: this.network.url }, this.#node);
        return;
      } catch (error) {
        if (tries === 20) throw error; // A disk that fails, or no Redis: systemd would try again, too.
        await delay(START_AGAIN_MS);
      }
    }
  }

  async close(): Promise<void> {
    await this.network.close();
  }
}
