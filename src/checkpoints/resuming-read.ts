/**
 * Reads what lies at the other end of a network, and goes on where it was when the connection breaks.
 *
 * R1 Content under a name never changes (B1), so the rest can come from another connection, or another server. Should
 *    somebody delete the name and create it anew in between, then the reader's own hash tells.
 * R2 Trials are bounded (B5) by connections in a row that brought nothing.
 * R3 Content that is destroyed holds no connection, read or not.
 */
import { Readable } from "node:stream";
import { pauseBeforeTrial } from "./retry-pause.ts";
import { StoreFault } from "./store.ts";

const FRUITLESS_TRIALS = 4;

/** Opens the content from a byte on; null when there is none any more. */
export type OpenFrom = (from: number) => Promise<Readable | null>;

/** @returns null when there is no such content */
export async function resumingRead(name: string, from: number, open: OpenFrom): Promise<Readable | null> {
  const first = await open(from);
  if (first === null) return null;
  // As objects: a stream of bytes would copy together what has come meanwhile, which costs more than it saves.
  const content = Readable.from(pieces(name, from, first, open), { objectMode: true, highWaterMark: 4 });
  // R3: who destroys it unread never gets into the generator, whose end would do it.
  content.once("close", () => first.destroy());
  return content;
}

async function* pieces(name: string, from: number, first: Readable, open: OpenFrom): AsyncIterable<Buffer> {
  let at = from;
  let fruitless = 0;
  let source = first;
  try {
    for (let reading = readingOf(source); ;) {
      let next: IteratorResult<Buffer, unknown>;
      try {
        next = await reading.next();
      } catch (error) {
        fruitless += 1;
        if (fruitless > FRUITLESS_TRIALS) throw brokenOff(name, at, error);
        await pauseBeforeTrial(fruitless);
        source = await reopen(name, at, open);
        reading = readingOf(source);
        continue;
      }
      if (next.done === true) return;
      fruitless = 0;
      at += next.value.length;
      yield next.value;
    }
  } finally {
    source.destroy();
  }
}

function readingOf(source: Readable): AsyncIterator<Buffer, unknown> {
  // A stream of bytes without an encoding gives buffers.
  return source[Symbol.asyncIterator]() as AsyncIterator<Buffer, unknown>;
}

async function reopen(name: string, at: number, open: OpenFrom): Promise<Readable> {
  const source = await open(at);
  if (source === null) throw new StoreFault("unavailable", `${name} was deleted while it was read`);
  return source;
}

function brokenOff(name: string, at: number, error: unknown): StoreFault {
  const why = error instanceof Error ? error.message : String(error);
  return new StoreFault("unavailable", `${name} broke off at byte ${at}: ${why}`, { cause: error });
}
