/**
 * The items of a bulk body: elements of one JSON array, or lines of NDJSON, as bytes. Nothing is parsed here; tens of
 * megabytes are walked in pieces, so that online requests go on in between.
 */
import { setImmediate as nextTurn } from "node:timers/promises";

/** Bytes walked before others get a turn: about half a millisecond. */
const TURN_BYTES = 262_144;

export type ArraySplit =
  { readonly kind: "items"; readonly items: readonly Buffer[] } | { readonly kind: "bad"; readonly detail: string };

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);
const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d];

/** Cuts an array into its elements. Whether each is JSON is not looked at; whether the array is closed, is. */
export async function splitArray(body: Buffer, maxItems: number): Promise<ArraySplit> {
  const begin = skipSpace(body, 0);
  if (body[begin] !== OPEN) return { kind: "bad", detail: "the body is not a JSON array" };
  const items: Buffer[] = [];
  let from = begin + 1;
  let depth = 0;
  let inString = false;
  for (let at = from; at < body.length; at++) {
    if (at % TURN_BYTES === 0) await nextTurn();
    const byte = body[at];
    if (inString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN || byte === OPEN_OBJECT) depth += 1;
    else if (depth > 0) {
      if (byte === CLOSE || byte === CLOSE_OBJECT) depth -= 1;
    } else if (byte === COMMA || byte === CLOSE) {
      const item = body.subarray(from, at);
      const isEmpty = skipSpace(item, 0) === item.length;
      if (isEmpty && (byte === COMMA || items.length > 0)) {
        return { kind: "bad", detail: `item ${items.length} of the array is missing` };
      }
      if (!isEmpty) items.push(item);
      if (items.length > maxItems) return { kind: "bad", detail: `the array has more than ${maxItems} items` };
      if (byte === COMMA) {
        from = at + 1;
        continue;
      }
      if (skipSpace(body, at + 1) < body.length) return { kind: "bad", detail: "something follows the array" };
      return { kind: "items", items };
    }
  }
  return { kind: "bad", detail: "the array is not closed" };
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && SPACE.has(bytes[at] ?? 0)) at += 1;
  return at;
}

export type Line = { readonly kind: "line"; readonly bytes: Buffer } | { readonly kind: "too_long" };

/** Lines as they come; empty ones are passed over. A line longer than `maxBytes` is said to be so, and dropped. */
export async function* splitLines(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let length = 0;
  const take = (): Line | null => {
    const line = Buffer.concat(parts);
    const tooLong = length > maxBytes;
    parts = [];
    length = 0;
    if (tooLong) return { kind: "too_long" };
    return skipSpace(line, 0) === line.length ? null : { kind: "line", bytes: line };
  };
  const add = (part: Buffer): void => {
    length += part.length;
    if (length > maxBytes) parts = [];
    else parts.push(part);
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      add(chunk.subarray(from, end));
      const line = take();
      if (line !== null) yield line;
      from = end + 1;
    }
    add(chunk.subarray(from));
  }
  const last = take();
  if (last !== null) yield last;
}
