import { StoreFault } from "./store.ts";

/** The pieces of a stream; an error on the way is the store's. Leaving the loop early closes the stream. */
export async function* pieced(name: string, content: AsyncIterable<unknown>): AsyncIterable<Buffer> {
  try {
    for await (const piece of content) yield Buffer.isBuffer(piece) ? piece : Buffer.from(String(piece));
  } catch (error) {
    if (error instanceof StoreFault) throw error;
    throw new StoreFault("unavailable", `${name} could not be read to its end`, { cause: error });
  }
}
