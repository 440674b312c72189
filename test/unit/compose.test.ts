/** What deploys Cairn names commands, variables, ports, paths and times of the code: all of them must exist there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { ROUTES } from "../../api/routes.ts";
import { checkNode } from "../../src/cli/doctor/machine.ts";
import { readDuration } from "../../src/cli/values.ts";
import { describeSettings } from "../../src/runtime/config.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

const serviceSchema = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  init: z.boolean().optional(),
  command: z.array(z.string()),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  stop_grace_period: z.string(),
  deploy: z.object({ replicas: z.int() }).optional(),
});
const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.null()),
});

const compose = composeSchema.parse(parse(read("docker-compose.yml"), { merge: true }));
const services = Object.entries(compose.services);
const cairn = services.filter(([, { image }]) => image.startsWith("cairn"));
const dockerfile = read("workers/deploy/Dockerfile");
const cloudInit = read("workers/deploy/cloud-init.yaml");
const units = {
  worker: read("workers/deploy/cairn-worker.service"),
  api: read("workers/deploy/cairn-api.service"),
  store: read("workers/deploy/cairn-store.service"),
};

const defaults = new Map(describeSettings().map(({ variable, default: value }) => [variable, value]));
const drainMs = Number(defaults.get("CAIRN_DRAIN_MS"));

/** The source behind a file of the build. */
function sourceOf(built: string): string {
  return built.replace(/^(.*\/)?dist\//, "").replace(/\.js$/, ".ts");
}

describe("docker-compose.yml", () => {
  it("has a Redis, two APIs and three workers", () => {
    const count = (entry: string): number =>
      cairn
        .filter(([, { command }]) => command.includes(entry))
        .reduce((sum, [, { deploy }]) => sum + (deploy?.replicas ?? 1), 0);
    expect([count("dist/api/main.js"), count("dist/workers/main.js")]).toEqual([2, 3]);
    expect(services.filter(([, { image }]) => image.startsWith("redis:"))).toHaveLength(1);
  });

  it("starts files that the build makes, from an image whose recipe exists", () => {
    for (const [, { command, build, init }] of cairn) {
      expect(command[0]).toBe("node");
      expect(existsSync(join(ROOT, sourceOf(command[1] ?? "")))).toBe(true);
      expect(existsSync(join(ROOT, build?.context ?? "", build?.dockerfile ?? "absent"))).toBe(true);
      expect(init).toBe(true);
    }
  });

  it("publishes on 127.0.0.1 alone, and the port that the API is told", () => {
    const published = services.flatMap(([, { ports, environment }]) => ports.map((port) => ({ port, environment })));
    expect(published).toHaveLength(2);
    for (const { port, environment } of published) {
      const [address, outside, inside] = port.split(":");
      expect([address, inside]).toEqual(["127.0.0.1", environment["CAIRN_PORT"]]);
      expect(Number(outside)).toBeGreaterThan(1_024);
    }
    expect(new Set(published.map(({ port }) => port)).size).toBe(2);
    expect(dockerfile).toContain(`EXPOSE ${published[0]?.environment["CAIRN_PORT"] ?? ""}\n`);
  });

  it("asks for health where the API answers it, and waits for a Redis that has a health check", () => {
    const paths = new Set(ROUTES.filter(({ method }) => method === "GET").map(({ path }) => path));
    const checked = cairn.filter(([, { healthcheck }]) => healthcheck !== undefined);
    expect(checked.map(([name]) => name)).toEqual(["api-1", "api-2"]);
    for (const [, { healthcheck, environment }] of checked) {
      const url = new URL(/"(http[^"]+)"/.exec(healthcheck?.test.join(" ") ?? "")?.[1] ?? "absent:");
      expect([url.hostname, url.port]).toEqual(["127.0.0.1", environment["CAIRN_PORT"]]);
      expect(paths).toContain(url.pathname);
    }
    for (const [, { depends_on }] of cairn) {
      for (const [name, { condition }] of Object.entries(depends_on)) {
        expect(condition).toBe("service_healthy");
        expect(compose.services[name]?.healthcheck).toBeDefined();
      }
    }
  });

  it("gives all the same store, in a volume that is declared, and a Redis that keeps what it is told", () => {
    for (const [, { volumes, environment }] of cairn) {
      const [volume = "", folder] = volumes[0]?.split(":") ?? [];
      expect(Object.keys(compose.volumes)).toContain(volume);
      expect(environment["CAIRN_STORE"]).toBe(`file:${folder ?? ""}`);
      expect(dockerfile).toContain(`mkdir -p ${folder ?? "absent"}`);
    }
    const { command, volumes } = compose.services["redis"]!;
    expect(command.join(" ")).toBe(
      "redis-server --appendonly yes --appendfsync everysec --maxmemory-policy noeviction",
    );
    expect(volumes).toEqual(["redis:/data"]);
  });

  it("gives workers longer to stop than they take to drain", () => {
    const { stop_grace_period, environment } = compose.services["worker"]!;
    expect(readDuration(stop_grace_period)).toBeGreaterThan(Number(environment["CAIRN_DRAIN_MS"]));
    expect(environment["CAIRN_DRAIN_MS"]).toBe(defaults.get("CAIRN_DRAIN_MS"));
  });
});

describe("the image", () => {
  it("copies what exists, runs scripts that exist, and is not root", () => {
    for (const [, what = ""] of dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const path of what.split(" ")) expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
    }
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    for (const [, name = ""] of dockerfile.matchAll(/npm run (\w+)/g)) expect(Object.keys(scripts)).toContain(name);
    expect(dockerfile).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
    expect(existsSync(join(ROOT, sourceOf(/node \/app\/(\S+\.js)/.exec(dockerfile)?.[1] ?? "absent")))).toBe(true);
  });

  it("has a Node that is new enough, and lets in what it copies", () => {
    const ignored = read(".dockerignore");
    for (const path of ["package.json", "package-lock.json", ".npmrc", "tsconfig.json", "src", "workers", "api"]) {
      expect(ignored).toMatch(new RegExp(`^!${path.replaceAll(".", "\\.")}$`, "m"));
    }
    for (const [, major] of dockerfile.matchAll(/^FROM node:(\d+)-/gm)) {
      expect(checkNode(`${major ?? ""}.19.0`).verdict).toBe("ok");
    }
  });
});

describe("the systemd units", () => {
  it("start files that the build makes, where cloud-init puts them", () => {
    for (const [name, unit] of Object.entries(units)) {
      const entry = /^ExecStart=\/usr\/bin\/node (\/opt\/cairn\/\S+)$/m.exec(unit)?.[1] ?? "absent";
      expect([name, existsSync(join(ROOT, sourceOf(entry)))]).toEqual([name, true]);
      expect(unit).toContain("KillMode=mixed");
    }
    expect(cloudInit).toMatch(/git clone .* \/opt\/cairn\n/);
  });

  it.each(["worker", "store"] as const)("leave a %s longer than it takes to drain", (name) => {
    const seconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(units[name])?.[1]);
    expect(seconds * 1_000).toBeGreaterThan(drainMs);
  });
});

describe("cloud-init", () => {
  const parsed = z
    .looseObject({
      users: z.array(z.looseObject({ name: z.string(), uid: z.int() })),
      mounts: z.array(z.array(z.string())),
      write_files: z.array(z.object({ path: z.string(), permissions: z.string(), content: z.string() })),
      runcmd: z.array(z.string()),
    })
    .parse(parse(cloudInit));

  it("begins as cloud-init demands, and writes the settings where the unit reads them, for nobody else's eyes", () => {
    expect(cloudInit.startsWith("#cloud-config\n")).toBe(true);
    const [file] = parsed.write_files;
    expect(units.worker).toContain(`EnvironmentFile=${file?.path ?? ""}\n`);
    expect(file?.permissions).toBe("0600");
  });

  it("runs scripts and installs files that exist, for the user of the unit", () => {
    const script = parsed.runcmd.join("\n");
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    for (const [, name = ""] of script.matchAll(/npm run (\w+)/g)) expect(Object.keys(scripts)).toContain(name);
    for (const [, path = ""] of script.matchAll(/install -m 0644 (\S+) /g))
      expect(existsSync(join(ROOT, path))).toBe(true);
    expect(units.worker).toContain(`User=${parsed.users[0]?.name ?? ""}\n`);
    expect(dockerfile).toContain(`USER ${parsed.users[0]?.uid ?? ""}:`);
  });

  it("mounts the store where the settings and the unit have it", () => {
    const folder = parsed.mounts[0]?.[1] ?? "absent";
    expect(parsed.write_files[0]?.content).toContain(`CAIRN_STORE=file:${folder}\n`);
    expect(units.worker).toContain(`ReadWritePaths=-${folder}\n`);
  });
});

describe("every variable of a deployment", () => {
  it("is a setting", () => {
    const texts = [read("docker-compose.yml"), dockerfile, cloudInit, ...Object.values(units)];
    const named = new Set(texts.flatMap((text) => text.match(/CAIRN_[A-Z_]+/g) ?? []));
    expect([...named].filter((name) => !defaults.has(name))).toEqual([]);
    expect(named.size).toBeGreaterThan(8);
  });
});
