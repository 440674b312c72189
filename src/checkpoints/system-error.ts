/** What the operating system says, by its codes. */

/** Is `error` one of the operating system's, with one of these codes (`ENOENT`, …)? */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** Is it that a disk does not work any more, or is lost: nobody's fault but the machine's? */
export function isDiskFailure(error: unknown): boolean {
  // Not EROFS: whoever writes where nobody may has made a mistake.
  return isCode(error, "EIO", "ESTALE", "EUCLEAN");
}

/** Is it any error of the operating system? */
export function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && "errno" in error;
}

/** Is it that there is no room: a full disk, a quota that is used up, or a store that says so (`full`)? */
export function isNoRoom(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("reason" in error && error.reason === "full") return true;
  // Linux says the same when there are too many watchers of files.
  return isCode(error, "ENOSPC", "EDQUOT") && !("syscall" in error && error.syscall === "watch");
}
