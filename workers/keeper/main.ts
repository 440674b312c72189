/**
 * The keeper: one process for one attempt of a batch job. Forked by the agent, which sends it the assignment.
 *
 * KM1 It ends with its agent: when the channel closes, the runner's whole group is ended and the folder removed (Q2).
 * KM2 Signals are the agent's affair: a terminal's Ctrl-C reaches everybody, and what is to become of the attempt then
 *     is an order that comes over the channel.
 */
import {
  type CheckpointStore,
  folderAnswers,
  openStore,
  storeFolder,
  StoreFault,
  successorOf,
} from "../../src/checkpoints/checkpoints.ts";
import { fenceText } from "../../src/domain/fence.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { parseFaultPlan } from "../../src/runtime/fault-points.ts";
import { createLogger, type Logger } from "../../src/runtime/logger.ts";
import { removeFolderNow } from "../../src/runtime/remove-folder.ts";
import { AgentLink } from "./agent-link.ts";
import { AnsweringStore } from "./answering-store.ts";
import { Attempt } from "./attempt.ts";
import { DiskWatch } from "./disk-watch.ts";
import { LeaseTouch, machineMs } from "./lease-touch.ts";
import type { Assignment, FromKeeper, ToKeeper } from "./protocol.ts";
import { StoreSilence } from "./store-silence.ts";

/** A keeper that cannot come to its end in an orderly way, after its attempt was given up, ends all the same. */
const ABANDONED_MS = 2_000;

/** How often it is looked whether the lease is still confirmed, where that matters. */
const TOUCH_EVERY_MS = 100;

const LOOK_AT_DISKS_EVERY_MS = 2_000;
const LOOK_AT_STORE_EVERY_MS = 250;

class Keeper {
  readonly #link = new AgentLink({ clock: systemClock, send });
  #attempt: Attempt | null = null;
  #touch: LeaseTouch | null = null;
  #successor: (() => Promise<string | null>) | null = null;

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined); // KM2
    process.on("message", (message) => this.#take(message as ToKeeper));
    process.on("disconnect", () => this.#giveUp()); // KM1
  }

  #take(order: ToKeeper): void {
    switch (order.kind) {
      case "assignment":
        void this.#run(order.assignment);
        return;
      case "reply":
        this.#link.take(order.id, order.reply);
        return;
      case "checkpoint":
        this.#attempt?.cadence.ask();
        return;
      case "held":
        this.#touch?.confirmed(order.atMs);
        return;
      case "losses":
        this.#attempt?.cadence.lossesEvery(order.mtbfMs);
        return;
      case "stop":
        this.#attempt?.stop(order.intent, order.graceMs);
        return;
      case "ask_successor":
        void this.#askSuccessor(order.below);
        return;
      case "abandon":
        this.#giveUp();
        return;
    }
  }

  async #run(assignment: Assignment): Promise<void> {
    const logger = createLogger({ level: assignment.logLevel, process: "keeper" }).child({
      jobId: assignment.job,
      attempt: assignment.attempt,
      fence: fenceText(assignment.fence),
    });
    process.on("uncaughtException", (error) => {
      logger.fatal({ err: error }, "keeper broke down");
      this.#giveUp(); // The agent sees that the attempt has no keeper any more.
    });
    const store = this.#openStore(assignment, logger);
    const faults = parseFaultPlan(assignment.faults);
    const attempt = new Attempt({ assignment, store, link: this.#link, clock: systemClock, faults, logger });
    this.#attempt = attempt;
    this.#successor = () => successorOf(store, assignment.job, assignment.fence, assignment.round);
    if (assignment.effects === "outside") this.#holdOn(attempt, assignment.confirmedMs);
    this.#watchDisks(attempt, assignment, logger);
    void store.sweep().catch((error: unknown) => logger.warn({ err: error }, "store not swept"));
    await attempt.run();
    process.exit(0);
  }

  /** Stores over a network bound their waits themselves; a folder does not. */
  #openStore({ storeUrl, storeAccess, storePatienceMs }: Assignment, logger: Logger): CheckpointStore {
    const store = openStore(storeUrl, storeAccess);
    const folder = storeFolder(storeUrl);
    if (folder === null) return store;
    const silence = new StoreSilence({
      clock: systemClock,
      silentMs: storePatienceMs / 2, // The rest is for asking again: it may have come back.
      probe: () => folderAnswers(folder),
      onChange: (standing) => logger.warn({ folder, standing }, "checkpoint store"),
    });
    setInterval(() => silence.look(), LOOK_AT_STORE_EVERY_MS).unref();
    return new AnsweringStore(store, silence);
  }

  #watchDisks(attempt: Attempt, { workFolder, storeUrl }: Assignment, logger: Logger): void {
    const store = storeFolder(storeUrl);
    const watch = new DiskWatch({
      folders: store === null ? [workFolder] : [workFolder, store],
      checkpointBytes: () => attempt.checkpointBytes,
      onShort: (folder, { freeBytes }) => {
        logger.warn({ folder, freeBytes }, "the disk is nearly full: a checkpoint is taken early");
        attempt.cadence.ask();
      },
    });
    setInterval(() => void watch.look(), LOOK_AT_DISKS_EVERY_MS).unref();
  }

  /** What could not be found out is asked again. */
  async #askSuccessor(below: number): Promise<void> {
    if (this.#successor === null) return;
    try {
      this.#link.say({ kind: "successor", below, successor: await this.#successor() });
    } catch (error) {
      if (!(error instanceof StoreFault)) throw error;
    }
  }

  #holdOn(attempt: Attempt, confirmedMs: number): void {
    const touch = new LeaseTouch({
      confirmedMs,
      machineMs,
      freeze: () => attempt.freeze(),
      thaw: () => attempt.thaw(),
    });
    this.#touch = touch;
    setInterval(() => touch.tick(), TOUCH_EVERY_MS).unref();
  }

  #giveUp(): void {
    const attempt = this.#attempt;
    if (attempt === null) process.exit(0);
    attempt.abandon();
    setTimeout(() => {
      removeFolderNow(attempt.folder);
      process.exit(1);
    }, ABANDONED_MS);
  }
}

function send(message: FromKeeper): void {
  // A channel that is closing is seen by `disconnect`.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

new Keeper();
