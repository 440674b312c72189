/**
 * How a process says why it cannot start or has to end. To a person at a terminal in one line; to what collects logs
 * as a log entry with the trace.
 */
import { isatty } from "node:tty";
import { isSupervised, loadConfig, unknownVariables, type Config } from "./config.ts";
import type { Logger } from "./logger.ts";

/** The exit code for settings that cannot be used, as for a command line that is wrong. */
const USAGE = 2;

/** The settings of `program`, or the end of this process with what is wrong with them: there is no log level yet. */
export function configOf(program: string): Config {
  for (const sentence of isSupervised() ? [] : unknownVariables())
    process.stderr.write(`cairn ${program}: ${sentence}\n`);
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write(`cairn ${program}: ${error.message}\n`);
    process.exit(USAGE);
  }
}

/** Says why `program` ends, and ends it. */
export function endWithFailure(program: string, error: unknown, logger: Logger): never {
  if (isatty(2)) process.stderr.write(`cairn ${program}: ${error instanceof Error ? error.message : String(error)}\n`);
  else logger.fatal({ err: error }, `${program} ended`);
  process.exit(1);
}
