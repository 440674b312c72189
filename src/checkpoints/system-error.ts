/** Is `error` one of the operating system's, with one of these codes (`ENOENT`, …)? */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
