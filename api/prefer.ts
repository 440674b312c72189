/** `Prefer` (RFC 7240): how long a caller would wait, and whether it would rather not. Anything else is passed over. */

export interface Preferences {
  /** Longest wait for the result, ms; null when none was asked for. Bounded by `maxWaitMs`. */
  readonly waitMs: number | null;
  readonly respondAsync: boolean;
  /** What `Preference-Applied` is to say; null when nothing was understood. */
  readonly applied: string | null;
}

const NONE: Preferences = { waitMs: null, respondAsync: false, applied: null };

/** `respond-async` and `wait=N` may come together: then the wait holds, and 202 comes after it (RFC 7240, 4.1). */
export function readPrefer(header: string | undefined, maxWaitMs: number): Preferences {
  if (header === undefined) return NONE;
  let waitMs: number | null = null;
  let respondAsync = false;
  for (const preference of header.split(",")) {
    const [name, value] = (preference.split(";")[0] ?? "").split("=").map((part) => part.trim());
    if (name?.toLowerCase() === "respond-async" && value === undefined) respondAsync = true;
    const seconds = /^"?(\d{1,9})"?$/.exec(value ?? "")?.[1];
    // The first one counts.
    if (name?.toLowerCase() === "wait" && seconds !== undefined) {
      waitMs ??= Math.min(Number(seconds) * 1_000, maxWaitMs);
    }
  }
  const applied = [
    ...(respondAsync ? ["respond-async"] : []),
    ...(waitMs === null ? [] : [`wait=${Math.floor(waitMs / 1_000)}`]),
  ];
  return { waitMs, respondAsync, applied: applied.length === 0 ? null : applied.join(", ") };
}

/** Headers that say which preferences were followed. */
export function preferenceHeaders({ applied }: Preferences): Record<string, string> {
  return { Vary: "Prefer", ...(applied === null ? {} : { "Preference-Applied": applied }) };
}
