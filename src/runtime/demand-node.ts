/**
 * Ends a process that an older Node.js runs, and says which one is needed. The first import of every entry point: what
 * older ones lack would otherwise be told as whatever breaks first.
 *
 * DN1 Modules are linked before the first one runs: nothing that an entry point imports may import by name what an
 *     older Node.js does not export.
 */
import { isNodeNewEnough, OLDEST_NODE } from "./required-node.ts";

if (!isNodeNewEnough(process.versions.node)) {
  process.stderr.write(
    `Cairn needs Node.js ${OLDEST_NODE.join(".")} or newer; this is ${process.versions.node} (${process.execPath}).\n`,
  );
  process.exit(1);
}
