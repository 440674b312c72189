/**
 * Which other jobs an input names: their ids, wherever they stand in it. Cairn does not know what a task does with its
 * input; but an id of 26 characters is nothing that stands there by chance.
 */

/** More than these are not looked after. */
export const NAMED_AT_MOST = 100;

/** Ids of jobs and arrays in an input, each once, in their order. Linear. @param inputText JSON */
export function jobsNamedIn(inputText: string): readonly string[] {
  const ids = new Set<string>();
  for (const [id] of inputText.matchAll(/(?<![0-9A-Za-z])[0-7][0-9a-hjkmnp-tv-z]{25}(?![0-9A-Za-z])/g)) {
    ids.add(id);
    if (ids.size === NAMED_AT_MOST) break;
  }
  return [...ids];
}
