// After the tests no process that was started from this checkout runs any more.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};
const left = readdirSync("/proc")
  .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
  .map((pid) => ({ pid, command: read(`/proc/${pid}/cmdline`).replaceAll("\0", " ") }))
  .filter(({ command }) => command.includes(`${root}dist/`) || /redis-server .*cairn/.test(command));
for (const { pid, command } of left) console.log(`${pid} ${command}`);
process.exit(left.length === 0 ? 0 : 1);
