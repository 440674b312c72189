/**
 * Runs once, before the processes that run the tests are started: tests stand on what they start themselves and
 * never on the settings of the person who runs them.
 */
export default function setUp(): void {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("CAIRN_")) Reflect.deleteProperty(process.env, name);
  }
}
