/** Where two results part, for a person who has to judge whether that matters: a date does not, a number does. */

const SHOWN = 120;
/** Of a line, what is shown before the place where they part. */
const BEFORE = 40;
/** Of so much of a file it is told whether it is text. */
const PROBE_BYTES = 8_192;

/** @returns one sentence; of text the first line that differs, and how many do; else the first byte */
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
  return `first byte ${samePart(one, other)} of ${one.length} and ${other.length}`;
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
