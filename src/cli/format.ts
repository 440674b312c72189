/** Numbers and times as people read them. Pure. */

/** `850ms`, `42s`, `3m20s`, `5h04m`, `3d2h`: two units at most. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${pad(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${pad(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d${hours % 24}h`;
}

/** Time since `timestamp`, or `-`. */
export function formatAge(timestamp: string | null, nowMs: number): string {
  return timestamp === null ? "-" : formatDuration(Math.max(0, nowMs - Date.parse(timestamp)));
}

/** `512 B`, `1.5 KiB`, `20 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB"] as const;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  const amount = bytes / 1_024 ** power;
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${units[power - 1] ?? ""}`;
}

/** `1`, `0.25`, `12500`: as few digits as say it. */
export function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

export function formatPercent(fraction: number): string {
  // Rounded down: 100% is only what is finished.
  return `${Math.floor(fraction * 100)}%`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

/** Text from elsewhere on one line, without what a terminal would obey. */
export function oneLine(text: string): string {
  // eslint would rather not see control characters in a pattern; they are what this is about.
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
}
