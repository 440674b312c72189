/** Whole files in and out, for stores whose content goes over a network. */
import { open } from "node:fs/promises";
import { type Content, hashFile, hashingCopy } from "./hashing-copy.ts";
import { pieced } from "./pieced.ts";
import { type CheckpointStore, type NamedOutcome, type NameOf, StoreFault } from "./store.ts";

/** `createNamed`: the name and the hash have to be known before the content goes on its way. Hashes, then creates; what changes in between is refused (B4). */
export async function createHashed(
  store: Pick<CheckpointStore, "create">,
  file: string,
  nameOf: NameOf,
  hashed: Promise<Content> | undefined,
): Promise<NamedOutcome> {
  const content = await (hashed ?? hashFile(file)).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new StoreFault("unavailable", `${file} could not be read: ${why}`, { cause: error });
  });
  const name = nameOf(content);
  if (name === null) return { kind: "not_needed", name, ...content };
  const { kind } = await store.create(name, { file }, content);
  return { kind, name, ...content };
}

/** `copyTo`: hashed as it comes. */
export async function readTo(store: Pick<CheckpointStore, "get">, name: string, file: string): Promise<Content | null> {
  const content = await store.get(name);
  if (content === null) return null;
  const target = await open(file, "wx");
  try {
    return await hashingCopy({ pieces: pieced(name, content), bytes: 0, sha256: "" }, target);
  } finally {
    await target.close();
  }
}
