/** `--watch`: shows something again and again, in place on a terminal, one after the other in a pipe. */
import { setTimeout as delay } from "node:timers/promises";
import { flag } from "./command.ts";
import type { Session } from "./session.ts";

export const watchOption = flag("show it again every two seconds, until Ctrl-C");

const EVERY_MS = 2_000;
const HOME_AND_ERASE = "\u001b[H\u001b[2J";

/** Never returns: the command ends by a signal, or by the error of `show`. */
export async function repeat(session: Session, show: (session: Session) => Promise<void>): Promise<never> {
  for (;;) {
    const parts: (string | Uint8Array)[] = [];
    // Collected first: a screen that is empty while the API is asked would flicker.
    await show({ ...session, out: (data) => Promise.resolve(void parts.push(data)) });
    if (session.terminal.out) await session.out(HOME_AND_ERASE);
    for (const part of parts) await session.out(part);
    await delay(EVERY_MS);
  }
}
