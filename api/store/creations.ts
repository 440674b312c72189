/**
 * Which creations there were, so that a repeated request is not a second one (H1).
 *
 * A client whose connection broke before the answer asks again under the same key. It waits for the first one if that
 * is still at work, and gets its outcome. What failed is forgotten, and tried anew.
 */
import type { CreateOutcome } from "../../src/checkpoints/checkpoints.ts";

/** Of those that were made longest ago we forget: their clients have long given up. */
const MOST = 10_000;

export class Creations {
  readonly #known = new Map<string, Promise<CreateOutcome>>();

  /** @param key what the client called it; null: it will not ask again */
  async once(name: string, key: string | null, create: () => Promise<CreateOutcome>): Promise<CreateOutcome> {
    if (key === null) return await create();
    const id = `${name} ${key}`; // No name has a space in it.
    const known = this.#known.get(id);
    if (known !== undefined) return await known;
    const creation = create();
    this.#known.set(id, creation);
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value ?? "");
    try {
      return await creation;
    } catch (error) {
      this.#known.delete(id);
      throw error;
    }
  }

  knows(name: string, key: string | null): boolean {
    return key !== null && this.#known.has(`${name} ${key}`);
  }
}
