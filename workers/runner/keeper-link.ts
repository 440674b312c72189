/**
 * The runner's end of the channel to its keeper.
 *
 * The channel is taken out of the user's reach (`process.send`), because whatever a library said over it would be
 * taken for the runner's word.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { FromRunner, ToRunner } from "./protocol.ts";

const FLUSH_LOOK_MS = 5;

/** The part of `ToRunner` that answers a question. */
export type Answer = Extract<ToRunner, { kind: "latest" | "file" | "trouble" }>;
type Question =
  | { readonly kind: "latest"; readonly job: string }
  | { readonly kind: "read"; handle: number; name: string }
  | { readonly kind: "parents" }
  | { readonly kind: "artifact"; readonly job: string; readonly name: string; readonly maxBytes: number };

export class KeeperLink {
  readonly #send: (message: FromRunner, done?: () => void) => void;
  readonly #questions = new Map<number, (answer: Answer) => void>();
  #nextId = 1;

  /**
   * @param onOrder gets everything that is no answer
   * @param onGone is called when the keeper has closed the channel
   */
  constructor(onOrder: (order: Exclude<ToRunner, Answer>) => void, onGone: () => void) {
    const send = process.send?.bind(process);
    if (send === undefined) throw new Error("a runner is started by its keeper, with a channel");
    delete process.send;
    this.#send = (message, done) => send(message, undefined, undefined, () => done?.());
    process.on("message", (message) => {
      const order = message as ToRunner;
      if (order.kind === "latest" || order.kind === "file" || order.kind === "trouble") {
        this.#questions.get(order.id)?.(order);
        this.#questions.delete(order.id);
      } else {
        onOrder(order);
      }
    });
    process.on("disconnect", onGone);
  }

  say(message: FromRunner): void {
    this.#send(message);
  }

  /**
   * Resolves when the message has been handed to the operating system, and before it all that was printed: the process
   * may exit then, and is ended soon.
   */
  async sayLast(message: FromRunner): Promise<void> {
    await flushOutput();
    await new Promise<void>((resolve) => this.#send(message, resolve));
  }

  async ask(question: Question): Promise<Answer> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve) => {
      this.#questions.set(id, resolve);
      this.#send({ ...question, id });
    });
  }
}

/** What is written to a full pipe waits in this process. Asked, not told: a task may have put a `write` of its own. */
async function flushOutput(): Promise<void> {
  while (process.stdout.writableLength > 0 || process.stderr.writableLength > 0) await delay(FLUSH_LOOK_MS);
}
