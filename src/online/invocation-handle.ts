/** A request under way, as whoever asked holds it. */
import { firstTextOf, headOf, type BeforeSend, type Invocation, type InvokeOutcome } from "./invocation.ts";
import type { InvocationTable } from "./invocation-table.ts";

export interface InvocationHandle {
  /** Id of the request; handlers see it as `ctx.job`. */
  readonly id: string;
  readonly outcome: Promise<InvokeOutcome>;
  /** What is sent first, without the input; "" when nothing can be. */
  sent(): string;
  /** Has `beforeSend` done before the first attempt is sent; `sent`: it is too late for that. */
  guard(beforeSend: BeforeSend): "sent" | "guarded";
  /** The caller has gone: what has not started is taken back, what runs is told to stop. */
  abort(): void;
  /**
   * This process is going. What was sent goes on, and its answer is for whoever looks for it: `left`, and `outcome`
   * stays open. What was not sent ends.
   */
  leave(): "left" | "ended";
}

export class OpenHandle implements InvocationHandle {
  readonly outcome: Promise<InvokeOutcome>;
  readonly #table: InvocationTable;
  readonly #invocation: Invocation;

  constructor(table: InvocationTable, invocation: Invocation, outcome: Promise<InvokeOutcome>) {
    this.#table = table;
    this.#invocation = invocation;
    this.outcome = outcome;
  }

  get id(): string {
    return this.#invocation.id;
  }

  sent(): string {
    return headOf(firstTextOf(this.#invocation));
  }

  guard(beforeSend: BeforeSend): "sent" | "guarded" {
    if (this.#invocation.handedOver) return "sent";
    this.#invocation.beforeSend = beforeSend;
    return "guarded";
  }

  abort(): void {
    this.#table.finish(this.#invocation, { kind: "aborted" });
  }

  leave(): "left" | "ended" {
    if (this.#invocation.over) return "ended";
    if (this.#invocation.attempts.length === 0) {
      this.#table.finish(this.#invocation, { kind: "unavailable", detail: "this process is going away" });
      return "ended";
    }
    this.#table.leave(this.#invocation);
    return "left";
  }
}

/** Of a request that never got under way. */
export function closedHandle(id: string, outcome: InvokeOutcome): InvocationHandle {
  return {
    id,
    outcome: Promise.resolve(outcome),
    sent: () => "",
    guard: () => "sent",
    abort: () => undefined,
    leave: () => "ended",
  };
}
