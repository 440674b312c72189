/**
 * Ids of online requests: ULIDs in lower case, like those of jobs, because a request may become one.
 *
 * 10 letters of time, 8 drawn once for this process, 8 that count: unique without drawing anew for each request.
 */
const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";

/** `value` in base 32 with `width` letters, the highest dropped when it does not fit. */
function base32(value: number, width: number): string {
  let text = "";
  let rest = Math.floor(value);
  for (let at = 0; at < width; at++) {
    text = (LETTERS[rest % 32] ?? "0") + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/**
 * @param nowMs wall clock, ms since 1970
 * @param random draws a number in [0, 1)
 * @returns a function that makes the next id
 */
export function requestIds(nowMs: () => number, random: () => number): () => string {
  const own = base32(random() * 2 ** 40, 8);
  let timeMs = -1;
  let time = "";
  let count = Math.floor(random() * 2 ** 30);
  return () => {
    const now = nowMs();
    if (now !== timeMs) {
      timeMs = now;
      time = base32(now, 10);
    }
    count += 1;
    return time + own + base32(count, 8);
  };
}
