import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test("`npm start -- --programs …` says where that goes instead of starting without it", () => {
  const { status, stderr } = spawnSync(process.execPath, ["src/launch/start.mjs", "--programs", "sim.yaml"], {
    encoding: "utf8",
  });
  expect(stderr).toContain("npm start takes no arguments, and was given --programs sim.yaml");
  expect(stderr).toContain("npx cairn dev --programs sim.yaml");
  expect(status).toBe(2);
});
