/** The online slots of a replica, shared by all its tasks. */
export class Slots {
  readonly total: number;
  #used = 0;

  constructor(total: number) {
    this.total = total;
  }

  get free(): number {
    return this.total - this.#used;
  }

  /** @returns whether there was one */
  take(): boolean {
    if (this.#used >= this.total) return false;
    this.#used += 1;
    return true;
  }

  release(): void {
    this.#used -= 1;
  }
}
