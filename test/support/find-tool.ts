/** What is on this machine besides Node, and that tests need which are skipped without it. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where the programs of the tests look, too. */
const PLACES = "/usr/local/bin:/usr/bin:/bin";

/** The first of these that is installed; null: none is. */
export function findTool(...names: readonly string[]): string | null {
  const paths = names.flatMap((name) => PLACES.split(delimiter).map((place) => join(place, name)));
  return paths.find(mayExecute) ?? null;
}

function mayExecute(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
