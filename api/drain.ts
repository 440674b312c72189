/**
 * Whether this process is going away.
 *
 * From `begin` on `/readyz` refuses, every answer closes its connection, and what would go on for long (waits, event
 * streams, followed logs) ends, so that its reader comes back to another process.
 */
export class Drain {
  readonly #begun = new AbortController();

  get begun(): boolean {
    return this.#begun.signal.aborted;
  }

  get signal(): AbortSignal {
    return this.#begun.signal;
  }

  begin(): void {
    this.#begun.abort();
  }
}
