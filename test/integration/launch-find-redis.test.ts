import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findRedis, requireRedis } from "../../src/launch/find-redis.mjs";
import { isNodeNewEnough } from "../../src/launch/prepare.mjs";
import { startPrivateRedis } from "../../src/launch/private-redis.ts";

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "cairn-path-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(path: string, script: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, path), 0o755);
}

const says = (version: string): string => `echo "Redis server v=${version} sha=00000000:0 malloc=libc bits=64 build=0"`;

describe("finding a Redis server", () => {
  it("takes redis-server or valkey-server of version 7 or newer from PATH", () => {
    program("a/redis-server", says("7.2.4"));
    expect(findRedis({ path: join(folder, "a") })).toMatchObject({ kind: "found", server: { version: "7.2.4" } });
    program("b/valkey-server", 'echo "Valkey server v=8.1.1 sha=00000000:0 malloc=libc bits=64 build=0"');
    expect(findRedis({ path: join(folder, "b") })).toMatchObject({
      kind: "found",
      server: { command: join(folder, "b/valkey-server"), version: "8.1.1" },
    });
  });

  it("refuses version 6, and says where it is", () => {
    program("a/redis-server", says("6.0.16"));
    expect(findRedis({ path: join(folder, "a") })).toMatchObject({
      kind: "missing",
      tooOld: [{ command: join(folder, "a/redis-server"), version: "6.0.16" }],
    });
    expect(() => requireRedis(join(folder, "a"))).toThrow("is 6.0.16");
  });

  it("looks behind an old one for a newer one", () => {
    program("a/redis-server", says("6.2.0"));
    program("b/redis-server", says("7.0.0"));
    const path = ["a", "b"].map((name) => join(folder, name)).join(delimiter);
    expect(findRedis({ path })).toMatchObject({ kind: "found", server: { command: join(folder, "b/redis-server") } });
  });

  it("refuses what only has the name", () => {
    program("a/redis-server", "echo hello");
    program("b/redis-server", `${says("7.0.0")}; exit 1`);
    mkdirSync(join(folder, "c/redis-server"), { recursive: true });
    for (const name of ["a", "b", "c"]) {
      expect(findRedis({ path: join(folder, name) })).toEqual({ kind: "missing", tooOld: [] });
    }
  });

  it("runs the server that Debian's redis-tools holds under another name", async () => {
    const real = requireRedis();
    mkdirSync(join(folder, "bin"));
    symlinkSync(realpathSync(real.command), join(folder, "bin/redis-check-rdb"));
    const found = findRedis({ path: join(folder, "bin") });
    if (found.kind !== "found") throw new Error("The server under another name is found.");
    const redis = await startPrivateRedis({ server: found.server, dataDir: join(folder, "data") });
    await redis.stop();
  });
});

describe("installing a Redis server", () => {
  const prepareModule = new URL("../../src/launch/install-redis.mjs", import.meta.url).href;

  /** Runs the installation in a process whose PATH is only `bin`. */
  async function install(): Promise<{ code: number | null; text: string }> {
    mkdirSync(join(folder, "bin"), { recursive: true });
    const script = `import { provideRedis } from ${JSON.stringify(prepareModule)};
      try { console.log(JSON.stringify(await provideRedis((line) => console.log("said: " + line)))); }
      catch (error) { console.log(error.message); process.exitCode = 1; }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      env: { PATH: join(folder, "bin"), LOG: join(folder, "log") },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await once(child, "close");
    return { code: child.exitCode, text };
  }

  /** A system with apt whose lists hold this version, once they are there. Also for users that have a sudo. */
  function aptSystem(options: { version: string; listsAreThere: boolean }): void {
    const lists = join(folder, "lists");
    if (options.listsAreThere) writeFileSync(lists, "");
    program("bin/sudo", 'while [ "$1" = -n ] || [ "$1" = env ] || [ "${1#*=}" != "$1" ]; do shift; done; exec "$@"');
    program("bin/true", "exit 0");
    program(
      "bin/apt-cache",
      `if [ -e ${lists} ] && [ "$2" = redis-tools ]; then echo "  Candidate: 5:${options.version}-1"; fi`,
    );
    program(
      "bin/apt-get",
      `echo "$*" >> ${join(folder, "log")}
       case "$*" in
         *update*) : > ${lists} ;;
         *install*) { echo '#!/bin/sh'; echo '${says(options.version)}'; } > ${join(folder, "bin/redis-check-rdb")}
                    /bin/chmod 755 ${join(folder, "bin/redis-check-rdb")} ;;
       esac`,
    );
  }

  const log = (): string => (existsSync(join(folder, "log")) ? readFileSync(join(folder, "log"), "utf8") : "");

  it("takes with apt the package that registers no service, and says so in a line", async () => {
    aptSystem({ version: "7.0.15", listsAreThere: true });
    const { code, text } = await install();
    expect(text).toContain("installing redis-tools with apt-get");
    expect(text).toContain("Redis 7.0.15");
    expect(code).toBe(0);
    expect(log()).toContain("install -y --no-install-recommends redis-tools");
    expect(log()).not.toContain("update");
  });

  it("brings apt's lists up to date only if they do not name it", async () => {
    aptSystem({ version: "7.0.15", listsAreThere: false });
    expect((await install()).code).toBe(0);
    expect(log()).toMatch(/update\n[^\n]*install/);
  });

  it("installs nothing that is too old, and tells what to do", async () => {
    aptSystem({ version: "6.0.16", listsAreThere: true });
    const { code, text } = await install();
    expect(code).toBe(1);
    expect(text).toContain("hold no Redis or Valkey 7 or newer");
    expect(text).toContain("CAIRN_REDIS_URL=");
    expect(log()).not.toContain("install");
  });

  it("tells the commands where there is no package manager", async () => {
    const { code, text } = await install();
    expect(code).toBe(1);
    for (const command of ["apt-get install redis-tools", "dnf install", "apk add", "brew install redis"]) {
      expect(text).toContain(command);
    }
  });
});

describe("the version of Node", () => {
  it("must be 20.19 or newer", () => {
    expect(["18.20.0", "20.18.3", "20.19.0", "20.20.2", "22.0.0"].map(isNodeNewEnough)).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
  });
});
