/** `cairn store` and its client: what goes wrong between them, who may ask, what is refused at the door. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  NO_STORE_ACCESS,
  openStore,
  StoreFault,
  storeNames,
  storeProtocol,
  type CheckpointStore,
} from "../../src/checkpoints/checkpoints.ts";
import { HttpStore } from "../../src/checkpoints/http-store.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { StoreServer } from "../../api/store/server.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { contentOf } from "../support/store-conformance.ts";
import { startStoreServer, STORE_TOKEN } from "../support/store-server.ts";

const access = { s3: null, token: STORE_TOKEN };
const job = "01hzzzzzzzzzzzzzzzzzzzzzzz";
const fence = (counter: number, generation = 1) => ({ generation, counter, token: `t${counter}` });
const object = (counter: number) => storeNames.objectName(job, "a".repeat(64), fence(counter));
const large = randomBytes(5_000_000);

describe("cairn store", () => {
  let root: string;
  let folder: CheckpointStore;
  let server: StoreServer;
  let proxy: CuttingProxy;
  /** Through the proxy. */
  let store: CheckpointStore;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "cairn-store-"));
    folder = openStore(`file:${join(root, "store")}`);
    server = await startStoreServer(folder);
    proxy = new CuttingProxy(server.url);
    await proxy.start();
    store = openStore(proxy.url, access);
  });
  afterEach(async () => {
    await proxy.stop();
    await server.stop();
    await rm(root, { recursive: true, force: true });
  });
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${server.url}${path}`, {
      ...init,
      headers: { Authorization: `Bearer ${STORE_TOKEN}`, ...(init.headers as Record<string, string> | undefined) },
    });
  const codeOf = async (response: Response): Promise<unknown> => [
    response.status,
    ((await response.json()) as { readonly code: string }).code,
  ];

  describe("when the network breaks", () => {
    test.each([
      ["small", Buffer.from("x"), 0],
      ["large", large, 26],
    ])("H1: a creation whose answer is lost is known as the client's own: %s content", async (_, content, at) => {
      proxy.cut(at);
      expect(await store.create("x", content)).toMatchObject({ kind: "created" });
      expect(proxy.connections).toBe(2);
      expect(await store.create("x", content)).toEqual({ kind: "exists" });
    });

    test("R1: a read goes on where it was", async () => {
      await folder.create("large", large);
      proxy.cut(1_000_000, 3_000_000);
      expect((await contentOf(store, "large"))?.equals(large)).toBe(true);
      expect(proxy.connections).toBe(3);
      expect(Buffer.concat((await (await store.get("large", large.length - 3))!.toArray()) as Buffer[])).toEqual(
        large.subarray(-3),
      );
      expect(await (await store.get("large", large.length))!.toArray()).toEqual([]);
    });

    test("H3: a list goes on behind the last name", async () => {
      const names = Array.from({ length: 40 }, (_, n) => `n/${String(n).padStart(2, "0")}`);
      for (const name of names) await folder.create(name, Buffer.from("x"));
      proxy.cut(350, 400);
      const listed: string[] = [];
      for await (const name of store.list("n/")) listed.push(name);
      expect(listed).toEqual(names);
      expect(proxy.connections).toBe(3);
    });

    test("a server that is away for good is a fault, after a bounded number of trials", async () => {
      await server.stop();
      await expect(store.stat("x")).rejects.toMatchObject({ name: "StoreFault", reason: "unavailable" });
      expect(proxy.connections).toBe(5);
    });

    test("X2: a server that says nothing is given up", async () => {
      const deaf: CheckpointStore = { ...over(folder), stat: () => new Promise(() => undefined) };
      const silent = await startStoreServer(deaf);
      const impatient = new HttpStore(silent.url, { token: STORE_TOKEN, idleMs: 50 });
      await expect(impatient.stat("x")).rejects.toThrow("nothing moved on the connection for 50 ms");
      await silent.stop();
    });

    test("H4: whoever else answers is not believed", async () => {
      const other = createServer((_request, response) => response.writeHead(404).end());
      await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
      const address = other.address() as { readonly port: number };
      await expect(openStore(`http://127.0.0.1:${address.port}`).get("x")).rejects.toThrow("no cairn store");
      other.closeAllConnections();
      other.close();
    });
  });

  describe("at the door", () => {
    test("D1: a manifest or object with an older fence than one that was shown is refused", async () => {
      await store.create(storeNames.manifestName(job, 1, fence(2), 0), Buffer.from("2"));
      for (const name of [object(1), storeNames.manifestName(job, 2, fence(1), 0)]) {
        await expect(store.create(name, Buffer.from("late"))).rejects.toMatchObject({
          reason: "refused",
          message: expect.stringContaining("newer fence 1.2") as string,
        });
        expect(await store.stat(name)).toBeNull();
      }
      await store.create(object(2), Buffer.from("mine"));
      await store.create(object(3), Buffer.from("newer"));
      await expect(store.create(storeNames.manifestName(job, 2, fence(2), 0), Buffer.from(""))).rejects.toThrow("1.3");
      await store.create(storeNames.manifestName("another", 1, fence(1), 0), Buffer.from("of another job"));
      await store.create(storeNames.manifestName(job, 2, fence(1, 2), 0), Buffer.from("of a new generation"));
    });

    test("D2: a server that was started anew knows it from the manifests", async () => {
      await store.create(storeNames.manifestName(job, 7, fence(12), 0), Buffer.from("12"));
      const second = await startStoreServer(folder);
      await expect(openStore(second.url, access).create(object(9), Buffer.from("late"))).rejects.toThrow("1.12");
      await second.stop();
    });

    test("O1: large content that would be refused is not even sent", async () => {
      await store.create(object(2), large);
      const before = proxy.sent;
      expect(await store.create(object(2), large)).toEqual({ kind: "exists" });
      await expect(store.create(object(1), large)).rejects.toMatchObject({ reason: "refused" });
      expect(proxy.sent - before).toBeLessThan(2_000);
    });

    test("S1: without the token nothing is done", async () => {
      for (const token of [null, "another-token-for-tests"]) {
        const stranger = openStore(server.url, { s3: null, token });
        for (const work of [
          () => stranger.create("x", Buffer.from("x")),
          () => stranger.create("x", large),
          () => stranger.get("x"),
          () => stranger.stat("x"),
          () => stranger.delete("x"),
          () => stranger.sweep(),
        ]) {
          await expect(work()).rejects.toMatchObject({ reason: "refused" });
        }
      }
      expect(await codeOf(await fetch(`${server.url}${storeProtocol.OBJECTS}`))).toEqual([401, "unauthorized"]);
      expect((await fetch(`${server.url}/livez`)).status).toBe(200);
      expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    });

    test("S1: a page in a browser is refused, and so is listening to everybody without a token", async () => {
      expect(await codeOf(await ask(storeProtocol.OBJECTS, { headers: { Origin: "https://evil.example" } }))).toEqual([
        401,
        "unauthorized",
      ]);
      const open = {
        store: folder,
        port: 0,
        token: null,
        drainMs: 0,
        logger: createLogger({ level: "fatal", process: "x" }),
      };
      expect(() => new StoreServer({ ...open, host: "0.0.0.0" })).toThrow("CAIRN_STORE_TOKEN");
      expect(() => new StoreServer({ ...open, host: "127.0.0.1" })).not.toThrow();
    });

    test("an address with credentials in it is refused, and the message does not repeat them", () => {
      expect(() => openStore("http://id:secret@127.0.0.1:1", NO_STORE_ACCESS)).toThrow(/CAIRN_STORE_TOKEN$/);
    });
  });

  describe("by hand", () => {
    const put = (name: string, body: string, headers: Record<string, string>): Promise<Response> =>
      ask(`${storeProtocol.OBJECTS}/${name}`, { method: "PUT", body, headers });
    const digest = "sha-256=:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=:"; // Of "x".

    test("a creation names its condition and its content, and a repeated one is the same", async () => {
      const whole = { "If-None-Match": "*", "Content-Digest": digest };
      expect(await codeOf(await put("a", "x", { "Content-Digest": digest }))).toEqual([428, "precondition_required"]);
      expect(await codeOf(await put("a", "x", { "If-None-Match": "*" }))).toEqual([400, "bad_request"]);
      expect(await codeOf(await put("a", "y", whole))).toEqual([422, "content_changed"]);
      expect(await codeOf(await put(".a", "x", whole))).toEqual([400, "bad_request"]);
      expect(await codeOf(await put("a%2Fb", "x", whole))).toEqual([400, "bad_request"]);
      expect(await readdir(join(root, "store")).then((names) => names.filter((name) => name !== ".tmp"))).toEqual([]);
      const keyed = { ...whole, "Idempotency-Key": "k1" };
      expect((await put("a", "x", keyed)).status).toBe(201);
      expect((await put("a", "x", keyed)).status).toBe(201);
      expect(await codeOf(await put("a", "x", { ...whole, "Idempotency-Key": "k2" }))).toEqual([412, "exists"]);
    });

    test("reading: whole, a range, beyond the end, none", async () => {
      await folder.create("a", Buffer.from("0123456789"));
      const get = (range?: string): Promise<Response> =>
        ask(`${storeProtocol.OBJECTS}/a`, range === undefined ? {} : { headers: { Range: range } });
      expect(await (await get()).text()).toBe("0123456789");
      expect(await (await get("bytes=3-")).text()).toBe("3456789");
      const part = await get("bytes=3-5");
      expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 3-5/10", "345"]);
      expect(await (await get("bytes=3-5,7-8")).text()).toBe("0123456789");
      const beyond = await get("bytes=10-");
      expect(beyond.headers.get("content-range")).toBe("bytes */10");
      expect(await codeOf(beyond)).toEqual([416, "range_not_satisfiable"]);
      const head = await ask(`${storeProtocol.OBJECTS}/a`, { method: "HEAD" });
      expect(head.headers.get("content-length")).toBe("10");
      expect(await codeOf(await ask(`${storeProtocol.OBJECTS}/b`))).toEqual([404, "not_found"]);
    });

    test("what it does not do it says", async () => {
      expect(await codeOf(await ask("/v1/other"))).toEqual([404, "not_found"]);
      const patch = await ask(`${storeProtocol.OBJECTS}/a`, { method: "PATCH" });
      expect(patch.headers.get("allow")).toBe("GET, HEAD, PUT, DELETE");
      expect(await codeOf(patch)).toEqual([405, "method_not_allowed"]);
      expect(await codeOf(await ask(storeProtocol.SWEEP))).toEqual([405, "method_not_allowed"]);
      expect(await (await ask(`${storeProtocol.OBJECTS}?prefix=none/`)).text()).toBe("null\n");
    });
  });

  test("S3: a client hears that the disk is full although it was still sending", async () => {
    const fullStore: CheckpointStore = {
      ...over(folder),
      async create(_name, source) {
        if (!("pieces" in source)) throw new Error("the server passes content on as it comes");
        for await (const piece of source.pieces) {
          if (piece.length > 0) throw new StoreFault("full", "no space left on device");
        }
        return { kind: "exists" };
      },
    };
    const full = await startStoreServer(fullStore);
    await expect(openStore(full.url, access).create("x", Buffer.alloc(30_000_000))).rejects.toMatchObject({
      reason: "full",
      message: "x could not be stored: no space left on device (HTTP 507, full)",
    });
    await full.stop();
  });

  test("B4: content that is not what was announced is refused: altered, shorter, longer", async () => {
    const file = join(root, "file");
    await writeFile(file, large);
    const sha256 = "0".repeat(64);
    await expect(store.create("x", { file }, { sha256 })).rejects.toMatchObject({ reason: "changed" });
    for (const bytes of [large.length - 1, large.length + 1]) {
      const pieces = Readable.from([large]);
      await expect(store.create("x", { pieces, bytes, sha256 })).rejects.toMatchObject({ reason: "changed" });
    }
    expect(await store.stat("x")).toBeNull();
    await expect.poll(() => readdir(join(root, "store/.tmp")), { message: "nothing is left" }).toEqual([]);
  });
});

/** The methods of a store as an object that can be spread. */
function over(store: CheckpointStore): CheckpointStore {
  return {
    url: store.url,
    create: (name, source, expected) => store.create(name, source, expected),
    createNamed: (file, nameOf, options) => store.createNamed(file, nameOf, options),
    copyTo: (name, file) => store.copyTo(name, file),
    get: (name, from) => store.get(name, from),
    stat: (name) => store.stat(name),
    list: (prefix) => store.list(prefix),
    delete: (name) => store.delete(name),
    sweep: () => store.sweep(),
  };
}
