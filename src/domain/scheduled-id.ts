/**
 * The id of the job that a schedule submits for one of its times: the same whoever submits it, so that two processes
 * that see the same time come make one job.
 */
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * @param dueMs the time, ms: the first ten characters, as in any ULID
 * @param digest at least 16 bytes from a hash of the schedule and the time
 */
export function scheduledId(dueMs: number, digest: Uint8Array): string {
  let time = "";
  for (let left = dueMs, digit = 0; digit < 10; digit += 1, left = Math.floor(left / 32)) {
    time = `${DIGITS[left % 32] ?? ""}${time}`;
  }
  return time + Array.from(digest.subarray(0, 16), (byte) => DIGITS[byte % 32] ?? "").join("");
}
