/** What a check of `cairn doctor` says. */
export interface Finding {
  readonly check: string;
  /** `warn`: it works, and will hurt some day. `fail`: it does not work, or loses data. */
  readonly verdict: "ok" | "warn" | "fail";
  /** What is so. */
  readonly found: string;
  /** What to do about it; null when all is well. */
  readonly advice: string | null;
}

export const ok = (check: string, found: string): Finding => ({ check, verdict: "ok", found, advice: null });
export const warn = (check: string, found: string, advice: string): Finding => ({
  check,
  verdict: "warn",
  found,
  advice,
});
export const fail = (check: string, found: string, advice: string): Finding => ({
  check,
  verdict: "fail",
  found,
  advice,
});
