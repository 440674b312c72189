/** Input files of a program: where they come from, and what is said when they cannot be had. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { programSchema } from "../../src/tasks/program/definition.ts";
import { layOutFiles } from "../../workers/program/input-files.ts";

let folder: string;
let server: Server;
let base: string;
let answer: RequestListener;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-inputs-"));
  answer = (_, response) => response.end("mesh");
  server = createServer((request, response) => answer(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

interface Wishes {
  readonly input?: unknown;
  readonly restored?: readonly string[];
  readonly artifact?: (wanted: { readonly job: string; readonly name: string }) => Promise<string>;
}

/** Lays the files out and reads the one called `mesh`. */
async function mesh(source: object, { input = {}, restored = [], artifact }: Wishes = {}): Promise<string> {
  const { files } = programSchema.parse({ name: "sim", start: ["sim"], files: { "in/mesh": source } });
  const working = join(folder, "working");
  await mkdir(working, { recursive: true });
  await layOutFiles(files, {
    folder: working,
    here: folder,
    scope: { input, words: { job: "j1" }, newest: () => null, startKind: "start", total: null },
    artifact: artifact ?? (() => Promise.reject(new Error("no artifacts here"))),
    isWanted: (name) => !restored.includes(name),
  });
  return readFile(join(working, "in/mesh"), "utf8");
}

/** The kind of error and what it says. */
const refusal = (work: Promise<string>): Promise<string> =>
  work.then(
    (text) => `laid out: ${text}`,
    (error: unknown) => `${(error as Error).name}: ${(error as Error).message.replaceAll(base, "BASE")}`,
  );
const sha256 = createHash("sha256").update("mesh").digest("hex");

describe("an input file", () => {
  test("is text with the input put in, bytes, a part of the input as JSON, or a file beside the definition", async () => {
    await writeFile(join(folder, "local"), "local");
    const input = { n: 3, mesh: { cells: [1, 2] } };
    expect(await mesh({ text: "n = ${input.n}, job ${job}" }, { input })).toBe("n = 3, job j1");
    expect(await mesh({ base64: "bWVzaA==" })).toBe("mesh");
    expect(await mesh({ json: "input.mesh" }, { input })).toBe('{"cells":[1,2]}');
    expect(await mesh({ path: "local", executable: true })).toBe("local");
    expect((await stat(join(folder, "working/in/mesh"))).mode & 0o111).toBe(0o111);
    expect(await refusal(mesh({ base64: "?" }))).toBe("NotExpandable: files.in/mesh.base64: is not base64");
    expect(await refusal(mesh({ path: "absent" }))).toBe(
      `NotRetryable: files.in/mesh.path: there is no ${join(folder, "absent")} on this machine`,
    );
  });

  test("is an artifact of another job; one that there is not, and one that cannot be had now, differ", async () => {
    const artifact = async ({ job, name }: { readonly job: string; readonly name: string }): Promise<string> => {
      const path = join(folder, "got");
      await writeFile(path, `${name} of ${job}`);
      return path;
    };
    const source = { artifact: { job: "${input.from}", name: "last.dat" } };
    expect(await mesh(source, { input: { from: "j0" }, artifact })).toBe("last.dat of j0");
    expect(await refusal(mesh(source, { artifact }))).toMatch(/^NotExpandable: .*input\.from was not given/);
  });

  test("that the checkpoint brings along is not fetched again", async () => {
    await mkdir(join(folder, "working/in"), { recursive: true });
    await writeFile(join(folder, "working/in/mesh"), "restored");
    answer = (_, response) => response.writeHead(404).end();
    expect(await mesh({ url: `${base}/mesh` }, { restored: ["in/mesh"] })).toBe("restored");
  });
});

describe("an input file that is fetched", () => {
  test("is compared with its hash, and followed to where the definition allows", async () => {
    answer = ({ url }, response) =>
      url === "/moved" ? response.writeHead(302, { location: "/mesh" }).end() : response.end("mesh");
    expect(await mesh({ url: `${base}/moved`, sha256 })).toBe("mesh");
    expect(await mesh({ url: "${input.mesh}", allow: [`${base}/`] }, { input: { mesh: `${base}/mesh` } })).toBe("mesh");
  });

  test.each<[string, RequestListener, object, RegExp]>([
    ["is not there", (_, r) => void r.writeHead(404).end(), {}, /^NotRetryable: .*BASE\/mesh answers 404$/],
    ["is not there for now", (_, r) => void r.writeHead(503).end(), {}, /^Error: .*BASE\/mesh answers 503$/],
    ["is another", (_, r) => void r.end("maze"), { sha256 }, /^NotRetryable: .*its SHA-256 is \w{64}, not \w{64}$/],
    ["is too long", (_, r) => void r.end("x".repeat(99)), { maxBytes: 9 }, /^NotRetryable: .*is longer than 9 bytes$/],
    [
      "breaks off in the middle",
      (_, r) => {
        r.writeHead(200, { "content-length": 100 }).write("half");
        setImmediate(() => r.destroy());
      },
      {},
      /^Error: files\.in\/mesh: broke off after \d+ bytes: /,
    ],
    ["does not come", () => undefined, { timeoutMs: 50 }, /^Error: .*could not be fetched: .*timeout/],
    [
      "comes too slowly",
      (_, r) => void r.write("half"),
      { timeoutMs: 50 },
      /^Error: .*broke off after 4 bytes: .*timeout/,
    ],
    [
      "leads in circles",
      (_, r) => void r.writeHead(302, { location: "/mesh" }).end(),
      {},
      /^NotRetryable: .*redirects more than 5 times$/,
    ],
    [
      "leads to where it may not",
      (_, r) => void r.writeHead(302, { location: "http://169.254.169.254/latest/meta-data" }).end(),
      {},
      /^NotExpandable: .*169\.254\.169\.254\/latest\/meta-data is not allowed; allowed are BASE\/$/,
    ],
  ])("and %s is not laid out, and it is said why", async (_, listener, more, expected) => {
    answer = listener;
    expect(await refusal(mesh({ url: `${base}/mesh`, ...more }))).toMatch(expected);
    expect(await readFile(join(folder, "working/in/mesh"), "utf8").catch(() => "nothing")).not.toBe("half");
  });

  test("from nowhere but where the definition says, whatever the input holds", async () => {
    const from = (url: string, text: string): Promise<string> => refusal(mesh({ url }, { input: { mesh: text } }));
    expect(await from("${input.mesh}", `${base}/mesh`)).toBe(
      "NotExpandable: files.in/mesh.url: BASE/mesh is not allowed; allowed are none",
    );
    expect(await from("${input.mesh}", "mesh")).toMatch(/"mesh" is no URL/);
    expect(await from("${input.mesh}", "file:///etc/passwd")).toMatch(/must be http:\/\/ or https:\/\//);
    expect(await from(`${base}/public/\${input.mesh}`, "..")).toBe(
      "NotExpandable: files.in/mesh.url: BASE/public/.. leads out of BASE/public/",
    );
    expect(await from(`${base}/public/\${input.mesh}`, "a b/../c?d")).toBe("laid out: mesh");
    const port = base.slice(base.lastIndexOf(":") + 1);
    expect(await from("${input.mesh}", `http://user@127.0.0.1:${port}/`)).toMatch(/is not allowed/);
  });
});
