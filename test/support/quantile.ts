/** The smallest of `values` that at least the share `q` of them does not exceed (nearest rank); NaN of nothing. */
export function quantileOf(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN;
}
