/**
 * Runs once, before the processes that run the tests are started.
 *
 * - Tests stand on what they start themselves and never on the settings of the person who runs them.
 * - Nothing that a test has started outlives the run, however it ends: all of it carries the mark of a guard.
 */
import { startGuard } from "../../src/launch/guarded.mjs";
import { shareTheProcessor } from "./batch-nice.ts";

export default function setUp(): void {
  const guard = startGuard();
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("CAIRN_")) Reflect.deleteProperty(process.env, name);
  }
  Object.assign(process.env, guard.mark);
  shareTheProcessor();
}
