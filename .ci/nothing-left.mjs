// After the tests no process that they started runs any more.
//   node .ci/nothing-left.mjs note FILE     notes what runs already
//   node .ci/nothing-left.mjs check FILE    fails when something of ours runs that did not then
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [mode, file] = process.argv.slice(2);
const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};
const ours = readdirSync("/proc")
  .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
  .map((pid) => ({ pid, command: read(`/proc/${pid}/cmdline`).replaceAll("\0", " ") }))
  .filter(({ command }) => command.includes(`${root}dist/`) || /redis-server .*cairn/.test(command));

if (mode === "note") {
  writeFileSync(file, JSON.stringify(ours));
} else {
  const before = new Set(JSON.parse(read(file)).map(({ pid }) => pid));
  const left = ours.filter(({ pid }) => !before.has(pid));
  for (const { pid, command } of left) console.log(`${pid} ${command}`);
  process.exit(left.length === 0 ? 0 : 1);
}
