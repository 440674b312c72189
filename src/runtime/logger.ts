/** JSON lines through pino. A message is constant, what varies is a field. */
import { pino, type Logger } from "pino";

export type { Logger };

/** As pino numbers it. */
const FATAL = 60;

/** The root logger of a process; `component` and ids are added by `child`. */
export function createLogger(options: {
  readonly level: string;
  readonly process: string;
  /** Looks at the error of each entry below `fatal`; true: it is told elsewhere, and this entry is left out. */
  readonly absorbs?: (error: unknown) => boolean;
}): Logger {
  const { absorbs } = options;
  return pino({
    level: options.level,
    base: { process: options.process, pid: process.pid },
    hooks: {
      logMethod(args, method, level) {
        const [fields] = args as readonly unknown[];
        const error = typeof fields === "object" && fields !== null && "err" in fields ? fields.err : undefined;
        if (error !== undefined && level < FATAL && absorbs?.(error) === true) return;
        method.apply(this, args);
      },
    },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label, number) => ({ level: number, severity: label }) },
  });
}
