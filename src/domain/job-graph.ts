/**
 * The graph that the items of a bulk make by waiting for each other under local names.
 *
 * DG1 It is checked as a whole before anything is created: every name is one item's, and nothing waits for itself.
 * DG2 Items are created in waves: what one waits for was created in a wave before, so that its id is known.
 */

export interface GraphItem {
  /** Local name; null: nobody can wait for this item. */
  readonly key: string | null;
  /** Local names it waits for. */
  readonly waitsFor: readonly string[];
}

export type GraphFault =
  /** `first` has that name already. */
  | { readonly kind: "duplicate_key"; readonly item: number; readonly key: string; readonly first: number }
  | { readonly kind: "unknown_key"; readonly item: number; readonly key: string }
  /** Names in the order of waiting; the first comes again at the end. */
  | { readonly kind: "cycle"; readonly path: readonly string[] };

export type GraphPlan =
  /** Indexes of items, wave by wave (DG2). */
  | { readonly kind: "ok"; readonly waves: readonly (readonly number[])[] }
  | { readonly kind: "bad"; readonly faults: readonly GraphFault[] };

/** Plans the creation of `items`. Linear in items and edges. */
export function planGraph(items: readonly GraphItem[]): GraphPlan {
  const byKey = new Map<string, number>();
  const faults: GraphFault[] = [];
  for (const [item, { key }] of items.entries()) {
    if (key === null) continue;
    const first = byKey.get(key);
    if (first !== undefined) faults.push({ kind: "duplicate_key", item, key, first });
    else byKey.set(key, item);
  }
  for (const [item, { waitsFor }] of items.entries()) {
    for (const key of waitsFor) if (!byKey.has(key)) faults.push({ kind: "unknown_key", item, key });
  }
  if (faults.length > 0) return { kind: "bad", faults };

  const parents = items.map(({ waitsFor }) => waitsFor.map((key) => byKey.get(key) ?? -1));
  const waves = wavesOf(parents);
  const placed = new Set(waves.flat());
  const left = items.flatMap((_item, index) => (placed.has(index) ? [] : [index]));
  if (left.length === 0) return { kind: "ok", waves };
  const path = cycleAmong(parents, placed, left[0] ?? 0).map((index) => items[index]?.key ?? `item ${index}`);
  return { kind: "bad", faults: [{ kind: "cycle", path }] };
}

/** Kahn's algorithm, a wave at a time; items on or behind a cycle are in no wave. */
function wavesOf(parents: readonly (readonly number[])[]): number[][] {
  const children = parents.map((): number[] => []);
  const open = parents.map((list) => list.length);
  for (const [item, list] of parents.entries()) for (const parent of list) children[parent]?.push(item);
  const waves: number[][] = [];
  let wave = open.flatMap((count, item) => (count === 0 ? [item] : []));
  while (wave.length > 0) {
    waves.push(wave);
    const next: number[] = [];
    for (const child of wave.flatMap((item) => children[item] ?? [])) {
      open[child] = (open[child] ?? 0) - 1;
      if (open[child] === 0) next.push(child);
    }
    wave = next;
  }
  return waves;
}

/** From an item that is in no wave, always on to a parent that is in none either: that must come round. */
function cycleAmong(parents: readonly (readonly number[])[], placed: ReadonlySet<number>, from: number): number[] {
  const walked = new Set<number>();
  let at = from;
  while (!walked.has(at)) {
    walked.add(at);
    at = parents[at]?.find((parent) => !placed.has(parent)) ?? at;
  }
  const path = [...walked];
  return [...path.slice(path.indexOf(at)), at];
}

/** The fault in words. */
export function describeFault(fault: GraphFault): string {
  switch (fault.kind) {
    case "duplicate_key":
      return `"${fault.key}" is the key of item ${fault.first} already`;
    case "unknown_key":
      return `no item has the key "${fault.key}"`;
    case "cycle":
      return `these wait for each other: ${fault.path.join(" → ")}`;
  }
}
