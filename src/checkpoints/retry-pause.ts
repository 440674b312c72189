/** The pause before something that went wrong on the network is tried again. */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const FIRST_MS = 50;
const MOST_MS = 2_000;

/**
 * Waits before trial `n` + 1: 50 ms, doubled with each trial, at most 2 s; a random part of up to half is taken off,
 * so that many who were refused together do not come back together.
 *
 * @param atLeastMs what the other side asked for (`Retry-After`); at most 2 s of it are granted
 */
export async function pauseBeforeTrial(n: number, atLeastMs = 0): Promise<void> {
  const most = Math.min(FIRST_MS * 2 ** (n - 1), MOST_MS);
  await sleep(Math.max(most - randomInt(Math.floor(most / 2)), Math.min(atLeastMs, MOST_MS)));
}
