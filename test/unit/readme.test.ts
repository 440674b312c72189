/** The README says what is so: generated from the code, or held to it. What it shows to run is run in `integration`. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ROUTES } from "../../api/routes.ts";
import { createParser } from "../../src/cli/program.ts";
import { describeSettings } from "../../src/runtime/config.ts";
import { readmeBlocks, renderReadme } from "../support/readme.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const README = join(ROOT, "README.md");
const text = readFileSync(README, "utf8");
const written = text.replace(/<!-- generated: (\S+) -->[^]*?<!-- end: \1 -->/g, "");

describe("the README", () => {
  it("has its tables as the code has them (npm run docs renders them anew)", async () => {
    await expect(renderReadme(text)).toMatchFileSnapshot(README);
  });

  it("links only to what is there", () => {
    const anchors = new Set(
      [...text.matchAll(/^#+ (.+)$/gm)].map(
        ([, title = ""]) =>
          `#${title
            .toLowerCase()
            .replace(/[^\w -]/g, "")
            .replaceAll(" ", "-")}`,
      ),
    );
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const broken = links.filter((link) => {
      if (link.startsWith("https://")) return false;
      return link.startsWith("#") ? !anchors.has(link) : !existsSync(join(ROOT, link));
    });
    expect(links.length).toBeGreaterThan(15);
    expect(broken).toEqual([]);
  });

  it("names only commands that the command line takes", async () => {
    const named = [...written.matchAll(/npx (cairn [^\n`)|#]+)/g)].map(([, line = ""]) => line.trim());
    expect(named.length).toBeGreaterThan(25);
    for (const line of named) {
      const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].slice(1).map(([, quoted, bare]) => quoted ?? bare ?? "");
      const ran: string[] = [];
      const parser = createParser("0", ({ name }) => Promise.resolve(void ran.push(name)));
      await parser.parseAsync(words, { from: "user" });
      expect([line, ...ran]).toEqual([line, words[0]]);
    }
  });

  it("names only scripts, settings, folders and routes that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const runs = [...text.matchAll(/npm run (\w+)/g)].map(([, name = ""]) => name);
    expect(runs.filter((name) => !(name in scripts))).toEqual([]);

    const variables = new Set(describeSettings().map(({ variable }) => variable));
    const named = [...new Set(text.match(/CAIRN_[A-Z0-9_]+/g))];
    expect(named.filter((name) => !variables.has(name))).toEqual([]);

    const paths = [...written.matchAll(/`((?:src|api|workers|test|\.ci)(?:\/[\w./-]+)?)`/g)].map(
      ([, path = ""]) => path,
    );
    expect(paths.length).toBeGreaterThan(15);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);

    const routes = ROUTES.map(({ path }) => new RegExp(`^${path.replace(/\{[^}]+\}/g, "[^/]+")}$`));
    const urls = [
      ...written.matchAll(/(?:127\.0\.0\.1:8080|`)(\/(?:v1\/|metrics|livez|readyz|openapi|docs)[^\s'?`)]*)/g),
    ];
    expect(urls.length).toBeGreaterThan(6);
    for (const [, path = ""] of urls) expect([path, routes.some((route) => route.test(path))]).toEqual([path, true]);
  });

  it("marks what it shows to run, and leaves room for what is measured", () => {
    expect(readmeBlocks(text).map(({ name }) => name)).toEqual([
      "first-job",
      "break-it",
      "steer",
      "curl",
      "tasks.ts",
      "own-task",
      "graph",
      "sweep",
      "schedule",
      "programs.yaml",
      "chain.py",
      "program",
      "gromacs.yaml",
      "heat.c",
      "heat.yaml",
      "recipes.yaml",
      "program.ts",
      "client.mjs",
      "weather",
    ]);
    expect(text).toContain("## Weather and forecast\n");
    expect(text).toContain("## Measured\n");
  });
});
