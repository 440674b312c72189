/**
 * Which checkpoint store this is: a random id, written once into the store by the first who uses it.
 *
 * SI1 The id is in the store and moves with it: whoever copies a store as a whole, or reaches it by another address,
 *     has the same one. A folder on which nothing is mounted, or of another machine, has another one or none.
 */
import { randomUUID } from "node:crypto";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { IDENTITY } from "./names.ts";
import { type CheckpointStore, StoreFault } from "./store.ts";

const identitySchema = z.object({ format: z.literal(1), id: z.string().min(1) });

/** The id of `store`; null: it has none yet. @throws StoreFault also when what is there cannot be understood */
export async function readIdentity(store: CheckpointStore): Promise<string | null> {
  const content = await store.get(IDENTITY);
  if (content === null) return null;
  const written = await text(content);
  try {
    return identitySchema.parse(JSON.parse(written)).id;
  } catch (error) {
    throw new StoreFault("unavailable", `${IDENTITY} in ${store.url} is damaged`, { cause: error });
  }
}

/** The id of `store`, which gets one if it has none. @throws StoreFault */
export async function makeIdentity(store: CheckpointStore): Promise<string> {
  for (;;) {
    const standing = await readIdentity(store);
    if (standing !== null) return standing;
    const id = randomUUID();
    const created = await store.create(IDENTITY, Buffer.from(`${JSON.stringify({ format: 1, id })}\n`));
    if (created.kind === "created") return id;
  }
}

/**
 * Makes sure that what answers is the store with this id.
 * @param id null: it does not matter which one it is
 * @throws StoreFault when it is another one, or does not answer
 */
export async function demandIdentity(store: CheckpointStore, id: string | null): Promise<void> {
  if (id === null || (await readIdentity(store)) === id) return;
  throw new StoreFault("unavailable", `${store.url} is not the store that it was: is it mounted?`);
}
