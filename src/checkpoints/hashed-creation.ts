/** `createNamed` for stores that have to know the name, and the hash, before the content goes on its way. */
import { type Content, hashFile } from "./hashing-copy.ts";
import { type CheckpointStore, type NamedOutcome, StoreFault } from "./store.ts";

/** Hashes, then creates; what changes in between is refused (B4). */
export async function createHashed(
  store: Pick<CheckpointStore, "create">,
  file: string,
  nameOf: (content: Content) => string | null,
): Promise<NamedOutcome> {
  const content = await hashFile(file).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new StoreFault("unavailable", `${file} could not be read: ${why}`, { cause: error });
  });
  const name = nameOf(content);
  if (name === null) return { kind: "not_needed", name, ...content };
  const { kind } = await store.create(name, { file }, content);
  return { kind, name, ...content };
}
