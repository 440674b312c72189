/** JSON lines through pino. A message is constant, what varies is a field. */
import { pino, type Logger } from "pino";

export type { Logger };

/** The root logger of a process; `component` and ids are added by `child`. */
export function createLogger(options: { readonly level: string; readonly process: string }): Logger {
  return pino({
    level: options.level,
    base: { process: options.process, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label, number) => ({ level: number, severity: label }) },
  });
}
