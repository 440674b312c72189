/** What somebody may have meant who mistyped a name. Pure. */
import { distance } from "fastest-levenshtein";

/** So many slips, or a third of the word, are still a slip. */
const MOST_SLIPS = 3;

/** The name of `names` with the fewest slips to `typed`; null when none is near. */
export function nearestName(typed: string, names: readonly string[]): string | null {
  const near = names
    .map((name) => ({ name, slips: distance(typed, name) }))
    .filter(({ slips }) => slips <= Math.min(MOST_SLIPS, typed.length / 3))
    .sort((a, b) => a.slips - b.slips);
  return near[0]?.name ?? null;
}
