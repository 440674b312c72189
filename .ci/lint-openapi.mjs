// What two linters say about the OpenAPI document: nothing, or it is told and the exit code is 1. They are fetched for
// this run and are no dependency: together they weigh more than all that Cairn needs to run. Needs `npm run build`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { ROUTES } = await import(new URL("../dist/api/routes.js", import.meta.url).href);
const { renderOpenApi } = await import(new URL("../dist/api/openapi.js", import.meta.url).href);

const folder = mkdtempSync(join(tmpdir(), "cairn-openapi-"));
const document = join(folder, "openapi.json");
writeFileSync(document, JSON.stringify(renderOpenApi({ routes: ROUTES, version: "0.0.0", serverUrl: "/" }), null, 2));

const linters = [
  ["@redocly/cli@2.77.0", "redocly", "lint", document, "--config", join(root, ".redocly.yaml")],
  [
    "@stoplight/spectral-cli@6.16.3",
    "spectral",
    "lint",
    document,
    "--ruleset",
    join(root, ".spectral.yaml"),
    "--fail-severity",
    "hint",
  ],
];
let failed = false;
for (const [packageName, ...command] of linters) {
  const { status } = spawnSync("npx", ["--yes", "--package", packageName, "--", ...command], {
    cwd: folder,
    stdio: "inherit",
    env: { ...process.env, REDOCLY_TELEMETRY: "off", SCARF_ANALYTICS: "false" },
  });
  failed ||= status !== 0;
}
rmSync(folder, { recursive: true, force: true });
process.exit(failed ? 1 : 0);
