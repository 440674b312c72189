/** The layout is the architecture: who may import whom. A new edge is a decision, so it is made here. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILES = ["src", "workers", "api"].flatMap((top) =>
  readdirSync(join(ROOT, top), { recursive: true, encoding: "utf8" })
    .map((path) => `${top}/${path}`)
    .filter((path) => /\.(ts|mjs|cjs)$/.test(path) && !path.startsWith("api/dashboard/")),
);

/** Folders that may be imported from each folder, besides itself and its own subfolders. Faces are `<noun>/<noun>.ts`. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "src/domain": [],
  "src/contract": ["src/domain"],
  "src/runtime": ["src/domain"],
  "src/redis": ["src/domain", "src/contract", "src/runtime"],
  "src/tasks": ["src/domain", "src/contract", "src/runtime", "workers/tasks/index.ts"],
  "src/checkpoints": ["src/domain", "src/contract", "src/runtime", "src/redis", "src/tasks/context.ts"],
  "src/batch": ["src/domain", "src/contract", "src/runtime", "src/redis", "src/checkpoints/checkpoints.ts"],
  "src/online": [
    "src/domain",
    "src/contract",
    "src/runtime",
    "src/redis",
    "src/tasks",
    "src/checkpoints/checkpoints.ts",
  ],
  "src/fleet": ["src/domain", "src/contract", "src/runtime", "src/redis", "src/batch/batch.ts"],
  "src/launch": ["src/runtime", "src/client", "src/contract"],
  "src/client": ["src/contract"],
  "src/cli": [
    "src/client",
    "src/contract",
    "src/domain",
    "src/launch",
    "src/redis",
    "src/runtime",
    "src/checkpoints/checkpoints.ts",
    // `cairn doctor --rebuild` makes records, which only batch scripts may.
    "src/batch/batch.ts",
  ],
  "src/index.ts": ["src/client", "src/contract", "src/tasks"],
  "workers/tasks": ["src/index.ts"],
  workers: ["src", "workers"],
  api: ["src"],
};

/** Packages that belong to one place. */
const OWNED: Readonly<Record<string, readonly string[]>> = {
  express: ["api"],
  bullmq: ["src/batch"],
  "cron-parser": ["src/batch"],
  esbuild: ["src/tasks", "src/launch"],
  commander: ["src/cli"],
  "prom-client": ["api", "src/runtime"],
  "@aws-sdk/client-s3": ["src/checkpoints"],
  ioredis: ["src/redis", "src/online"],
};

interface Import {
  readonly file: string;
  readonly of: string;
}

function importsOf(file: string): Import[] {
  const source = ts.preProcessFile(readFileSync(join(ROOT, file), "utf8"));
  return source.importedFiles.map(({ fileName }) => ({
    file,
    of: fileName.startsWith(".") ? relative(ROOT, resolve(ROOT, dirname(file), fileName)) : fileName,
  }));
}

const IMPORTS = FILES.flatMap(importsOf);
const inside = (path: string, place: string): boolean => path === place || path.startsWith(`${place}/`);
const homeOf = (path: string): string => Object.keys(ALLOWED).find((place) => inside(path, place)) ?? path;

describe("import rules", () => {
  it("every folder imports only what the layout allows it", () => {
    const broken = IMPORTS.filter(({ file, of }) => {
      if (!/^(src|workers|api)\//.test(of)) return false;
      const home = homeOf(file);
      return !inside(of, home) && !(ALLOWED[home] ?? []).some((place) => inside(of, place));
    });
    expect(broken.map(({ file, of }) => `${file} → ${of}`)).toEqual([]);
  });

  it("packages with an owner are imported by it alone", () => {
    const broken = IMPORTS.filter(({ file, of }) => {
      const owners = OWNED[of];
      return owners !== undefined && !owners.some((place) => inside(file, place));
    });
    expect(broken.map(({ file, of }) => `${file} → ${of}`)).toEqual([]);
  });

  it("domain is pure: no I/O, no clock, no random", () => {
    const impure = FILES.filter((file) => inside(file, "src/domain")).filter((file) =>
      /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|process\.|from "node:)/.test(
        readFileSync(join(ROOT, file), "utf8"),
      ),
    );
    expect(impure).toEqual([]);
  });

  it("only the configuration and what runs before it read the environment", () => {
    const readers = FILES.filter((file) => /process\.env\b/.test(readFileSync(join(ROOT, file), "utf8"))).filter(
      (file) => file !== "src/runtime/config.ts" && !inside(file, "src/launch"),
    );
    expect(readers).toEqual([]);
  });

  it("no file is longer than 400 lines, and none is a junk drawer", () => {
    const long = FILES.filter((file) => readFileSync(join(ROOT, file), "utf8").split("\n").length > 401);
    const drawers = FILES.filter((file) => /(^|\/)(utils?|helpers?|common|types|services|misc)(\/|\.)/.test(file));
    expect({ long, drawers }).toEqual({ long: [], drawers: [] });
  });
});
