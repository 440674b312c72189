/** One serving process as the parent sees it. */
import { fork, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { MetricsSnapshot } from "./metrics-gather.ts";
import type { FromServing, ToServing } from "./parent-protocol.ts";

/** How long another process may take to tell its metrics, ms. */
const METRICS_WITHIN_MS = 1_000;

export interface ServingChildEvents {
  onReady(child: ServingChild): void;
  /** Its checkpoint store is not the fleet's; it ends. */
  onForeignStore(child: ServingChild, message: string): void;
  /** It has ended, whether it was asked to or not. */
  onExit(child: ServingChild, how: string): void;
  /** It wants the metrics of the others. */
  others(child: ServingChild): Promise<readonly MetricsSnapshot[]>;
}

export class ServingChild {
  /** Resolves when the process has ended. */
  readonly exited: Promise<void>;
  readonly #process: ChildProcess;
  readonly #wanted = new Map<number, (snapshot: MetricsSnapshot | null) => void>();
  #state: "starting" | "ready" | "leaving" | "gone" = "starting";
  #questions = 0;

  constructor(entry: URL, events: ServingChildEvents) {
    this.#process = fork(entry);
    this.#process.on("message", (message) => this.#hear(message as FromServing, events));
    // A message to a process that has just died fails; its `exit` says the rest.
    this.#process.on("error", () => undefined);
    this.exited = new Promise((resolve) => {
      this.#process.once("exit", (code, signal) => {
        this.#state = "gone";
        for (const answer of this.#wanted.values()) answer(null);
        events.onExit(this, signal ?? `code ${code ?? "none"}`);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Does it take connections? */
  get serves(): boolean {
    return this.#state === "ready" && this.#process.connected;
  }

  /** Is it, or will it be, one of those that serve? */
  get stays(): boolean {
    return this.#state === "starting" || this.#state === "ready";
  }

  /** Hands a connection over. @param lost is called when that did not work */
  take(socket: Socket, lost: () => void): void {
    this.#process.send({ kind: "connection" } satisfies ToServing, socket, { keepOpen: false }, (error) => {
      if (error !== null) lost();
    });
  }

  /** It may still get connections, and closes each with its first answer. */
  drain(): void {
    this.#tell({ kind: "drain" });
  }

  /** It gets no connection any more, ends what it has and exits; killed after `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    if (this.#state === "gone") return;
    this.#state = "leaving";
    this.#tell({ kind: "stop" });
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), withinMs);
    await this.exited;
    clearTimeout(timer);
  }

  /** Its metrics; null when it does not tell them in time. */
  metrics(): Promise<MetricsSnapshot | null> {
    if (!this.serves) return Promise.resolve(null);
    this.#questions += 1;
    const id = this.#questions;
    return new Promise((resolve) => {
      const timer = setTimeout(() => answer(null), METRICS_WITHIN_MS);
      const answer = (snapshot: MetricsSnapshot | null): void => {
        clearTimeout(timer);
        this.#wanted.delete(id);
        resolve(snapshot);
      };
      this.#wanted.set(id, answer);
      this.#tell({ kind: "metrics_wanted", id });
    });
  }

  #hear(message: FromServing, events: ServingChildEvents): void {
    switch (message.kind) {
      case "ready":
        if (this.#state === "starting") {
          this.#state = "ready";
          events.onReady(this);
        }
        return;
      case "foreign_store":
        events.onForeignStore(this, message.message);
        return;
      case "metrics":
        this.#wanted.get(message.id)?.(message.snapshot);
        return;
      case "others_wanted":
        void events
          .others(this)
          .then((snapshots) => this.#tell({ kind: "metrics_of_others", id: message.id, snapshots }));
    }
  }

  #tell(message: ToServing): void {
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }
}
