/**
 * Whether this process is going away, and whether the API is.
 *
 * From `begin` on every answer closes its connection, and what would go on for long (waits, event streams, followed
 * logs) ends, so that its reader comes back, to another process. `/readyz` goes on saying yes: a process that is
 * replaced leaves the API as ready as it was. From `refuse` on the whole API is leaving, and `/readyz` says so.
 */
import { setMaxListeners } from "node:events";

export class Drain {
  readonly #begun = new AbortController();
  #refusing = false;

  constructor() {
    // Every wait and every stream listens to it: more than ten are no leak, of which Node.js would warn.
    setMaxListeners(0, this.signal);
  }

  get begun(): boolean {
    return this.#begun.signal.aborted;
  }

  get refusing(): boolean {
    return this.#refusing;
  }

  get signal(): AbortSignal {
    return this.#begun.signal;
  }

  begin(): void {
    this.#begun.abort();
  }

  refuse(): void {
    this.#refusing = true;
    this.begin();
  }
}
