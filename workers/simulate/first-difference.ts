/** Where two results part, for a person who has to judge whether that matters: a date does not, a number does. */

const SHOWN = 120;
/** Of a line, what is shown before the place where they part. */
const BEFORE = 40;
/** So many readable characters in a row are no accident. */
const READABLE = 8;
/** Of so much of a file it is told whether it is text. */
const PROBE_BYTES = 8_192;

/** @returns one sentence; of text the first line that differs, and how many do; else the first byte, and words around it */
export function firstDifference(one: Buffer, other: Buffer): string {
  if (one.equals(other)) return "the same bits";
  if (isText(one) && isText(other)) {
    const [left, right] = [linesOf(one), linesOf(other)];
    const length = Math.max(left.length, right.length);
    const different = Array.from({ length }, (_, at) => at).filter((at) => left[at] !== right[at]);
    const at = different[0] ?? 0;
    const from = Math.max(0, samePart(left[at] ?? "", right[at] ?? "") - BEFORE);
    const [here, there] = [shown(left[at], from), shown(right[at], from)];
    return `${different.length} of ${length} lines, first line ${at + 1}: ${here} and ${there}`;
  }
  const at = samePart(one, other);
  const [here, there] = [wordsAt(one, at), wordsAt(other, at)];
  const words = here === null || there === null ? "" : `: ${here} and ${there}`;
  return `${howMany(one, other)}, first byte ${at}${words}`;
}

function howMany(one: Buffer, other: Buffer): string {
  if (one.length !== other.length) return `${one.length} and ${other.length} bytes`;
  return `${one.reduce((sum, byte, at) => (byte === other[at] ? sum : sum + 1), 0)} of ${one.length} bytes`;
}

/** A date in the head of a picture can be read there, a number of a field cannot. */
function wordsAt(bytes: Buffer, at: number): string | null {
  const isReadable = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x20 && byte < 0x7f;
  let [from, to] = [at, at];
  while (from > Math.max(0, at - BEFORE) && isReadable(bytes[from - 1])) from -= 1;
  while (to < at + SHOWN - BEFORE && isReadable(bytes[to])) to += 1;
  return to > at && to - from >= READABLE ? JSON.stringify(bytes.toString("latin1", from, to)) : null;
}

function isText(bytes: Buffer): boolean {
  return !bytes.subarray(0, PROBE_BYTES).includes(0);
}

function linesOf(text: Buffer): string[] {
  return text.toString("utf8").split("\n");
}

/** How much of their beginnings is the same. */
function samePart(one: ArrayLike<unknown>, other: ArrayLike<unknown>): number {
  const shorter = Math.min(one.length, other.length);
  let at = 0;
  while (at < shorter && one[at] === other[at]) at += 1;
  return at;
}

function shown(line: string | undefined, from: number): string {
  if (line === undefined) return "nothing";
  return `${from > 0 ? "…" : ""}${JSON.stringify(line.slice(from, from + SHOWN))}`;
}
