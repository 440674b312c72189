/** What somebody may have meant who mistyped a name. Pure. */

/** So many slips, or a third of the word, are still a slip. */
const MOST_SLIPS = 3;

/** The name of `names` with the fewest slips to `typed`; null when none is near. */
export function nearestName(typed: string, names: readonly string[]): string | null {
  const near = names
    .map((name) => ({ name, slips: slipsBetween(typed, name) }))
    .filter(({ slips }) => slips <= Math.min(MOST_SLIPS, typed.length / 3))
    .sort((a, b) => a.slips - b.slips);
  return near[0]?.name ?? null;
}

/** Letters to add, leave out, replace, or swap with their neighbour (Damerau 1964, as optimal string alignment). */
function slipsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  const cell = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? cell(i - 2, j - 2) + 1 : Infinity;
      const replaced = cell(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, replaced, swapped));
    }
  }
  return cell(a.length, b.length);
}
