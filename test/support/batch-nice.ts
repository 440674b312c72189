/**
 * The nice value of batch work in what tests start.
 *
 * Several test files run at a time, each with a fleet of its own. At the product's nice value a runner gets what is
 * left over by all others on the machine, also by those that have nothing to do with it: on a busy machine a job of a
 * second then takes minutes. Tests ask that work goes right; who yields to whom has a test of its own, and chaos runs
 * and benches use the product's value.
 */
const VARIABLE = "CAIRN_BATCH_NICE";

/** Once, for all processes that run tests. */
export function shareTheProcessor(): void {
  process.env[VARIABLE] = "0";
}

/** For a process that is started with an environment of its own. */
export function batchNice(): Readonly<Record<string, string>> {
  const value = process.env[VARIABLE];
  return value === undefined ? {} : { [VARIABLE]: value };
}
