/**
 * The one checkpoint store of a fleet. A worker with another one would find none of the checkpoints it is to go on
 * from, and write new ones where nobody else looks.
 *
 * FS1 The first process of a fleet notes in Redis which store it has, by the id that is in the store; whoever comes
 *     later with another one is refused. `SET NX`: of several that come at once, one notes and the others compare.
 * FS2 A fleet from before there were ids, or whose note was lost, is known by its generation of fences: the store has
 *     a marker of it (N1), which another store lacks.
 * FS3 A store that does not answer is neither: nothing is noted and nobody is refused.
 * FS4 Nothing is written into a store that is another than the fleet's.
 */
import { z } from "zod";
import { makeIdentity, readIdentity, storeNames, type CheckpointStore } from "../checkpoints/checkpoints.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";

const noteSchema = z.object({ format: z.literal(1), id: z.string(), url: z.string(), by: z.string() });

/** What Redis knows of the store: its id, its address as seen by whoever noted it, and who that was. */
export type StoreNote = Omit<z.infer<typeof noteSchema>, "format">;

export type StoreStanding =
  | { readonly kind: "ours"; readonly id: string }
  /** The fleet has noted none so far. */
  | { readonly kind: "free" }
  | { readonly kind: "another"; readonly sentence: string; readonly advice: string };

/** Thrown to a process whose store is not the fleet's. */
export class ForeignStore extends Error {
  override readonly name = "ForeignStore";
}

export interface FleetStoreOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly store: CheckpointStore;
  /** Who asks, for the note: `worker w1 on host`. */
  readonly who: string;
}

/** The store of the fleet, as one process that has opened a store sees it. */
export class FleetStore {
  readonly #options: FleetStoreOptions;
  #id: string | null = null;

  constructor(options: FleetStoreOptions) {
    this.#options = options;
  }

  /**
   * Makes sure that the store is the fleet's, and notes it if the fleet has none yet (FS1). Cheap when it was found so.
   * @returns its id
   * @throws ForeignStore when it is another; StoreFault when it does not answer; what Redis says
   */
  async demand(): Promise<string> {
    if (this.#id !== null) return this.#id;
    let standing = await this.look();
    if (standing.kind === "free") standing = await this.#note();
    if (standing.kind === "ours") return (this.#id = standing.id);
    if (standing.kind === "free") throw new Error("the note on the checkpoint store was deleted just now");
    throw new ForeignStore(`${standing.sentence} ${standing.advice}`);
  }

  /** How it stands, changing nothing. @throws StoreFault, what Redis says */
  async look(): Promise<StoreStanding> {
    const { redis, keys, store } = this.#options;
    const [note, number] = await Promise.all([readNote(redis, keys), redis.hget(keys.generation, "number")]);
    if (note !== null) {
      const id = await readIdentity(store);
      return id === note.id ? { kind: "ours", id } : { kind: "another", ...foreign(store.url, id, note) };
    }
    if (number === null || (await store.stat(storeNames.generationName(Number(number)))) !== null) {
      return { kind: "free" };
    }
    return { kind: "another", ...foreign(store.url, null, null) }; // FS2
  }

  async #note(): Promise<StoreStanding> {
    const { redis, keys, store, who } = this.#options;
    await noteStore(redis, keys, store, who);
    return this.look();
  }
}

/** Notes `store` as the fleet's, if none is noted (FS1). @throws StoreFault, what Redis says */
export async function noteStore(redis: RedisClient, keys: Keys, store: CheckpointStore, who: string): Promise<void> {
  if ((await redis.exists(keys.store)) === 1) return; // FS4
  const note = { format: 1, id: await makeIdentity(store), url: store.url, by: who };
  await redis.set(keys.store, JSON.stringify(note), "NX");
}

/** What the fleet has noted; null: nothing. @throws what Redis says */
export async function readNote(redis: RedisClient, keys: Keys): Promise<StoreNote | null> {
  const raw = await redis.get(keys.store);
  return raw === null ? null : noteSchema.parse(JSON.parse(raw));
}

/** What is wrong, and what to do about it. */
function foreign(
  url: string,
  id: string | null,
  note: StoreNote | null,
): { readonly sentence: string; readonly advice: string } {
  const move =
    "To move the fleet to this store, stop all its APIs and workers, copy the old store's content there, and run cairn doctor --adopt-store.";
  if (note === null) {
    return {
      sentence: `The checkpoint store ${url} is not the one that this fleet has used: its generation of fences is not there.`,
      advice: `Set CAIRN_STORE to the one that it has used. ${move}`,
    };
  }
  const theirs = `${note.url} (noted by ${note.by})`;
  if (note.url !== url) {
    return {
      sentence: `The checkpoint store here is ${url}, but this fleet uses another one, ${theirs}.`,
      advice: `Set CAIRN_STORE to that one, or to another address of it. ${move}`,
    };
  }
  const what = id === null ? "it is empty" : "it is another one";
  return {
    sentence: `The checkpoint store here is not that of this fleet, ${theirs}, though it has the same address: ${what}.`,
    advice: `A folder must be the same on all machines: is it mounted? ${move}`,
  };
}
