import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openStore, type CheckpointStore, type StoreAccess } from "../../src/checkpoints/checkpoints.ts";
import type { AnnouncedPieces } from "../../src/checkpoints/store.ts";
import { parseS3Url } from "../../src/checkpoints/s3-address.ts";
import { connectS3 } from "../../src/checkpoints/s3-connection.ts";
import { S3Store } from "../../src/checkpoints/s3-store.ts";
import { partSizeFor } from "../../src/checkpoints/s3-upload.ts";
import { eventually } from "../support/eventually.ts";
import type { Operation } from "../support/s3/faults.ts";
import { S3Server } from "../support/s3/server.ts";
import { contentOf, describeStore } from "../support/store-conformance.ts";

const accessTo = (server: S3Server): StoreAccess => ({ s3: { ...server.keys, sessionToken: null }, token: null });

describeStore({
  name: "S3",
  open: async () => {
    const root = await mkdtemp(join(tmpdir(), "cairn-s3-"));
    const server = new S3Server({ folder: root, pageSize: 2 });
    await server.start();
    return {
      store: openStore(server.url("a/prefix"), accessTo(server)),
      other: openStore(server.url("a/prefix"), accessTo(server)),
      damage: (name, change) => server.bucket.damage(`a/prefix/${name}`, change),
      close: async () => {
        await server.stop();
        await rm(root, { recursive: true, force: true });
      },
    };
  },
});

describe("the store on S3", () => {
  /** Three parts. */
  const large = randomBytes(20_000_000);
  const error = (status: number, code: string) => ({ kind: "answer", status, code }) as const;
  const hourMs = 3_600_000;

  let root: string;
  let server: S3Server;
  let store: CheckpointStore;
  const serve = async (overwrites: readonly Operation[] = []): Promise<void> => {
    server = new S3Server({ folder: join(root, "bucket"), pageSize: 2, overwrites });
    await server.start();
    store = openStore(server.url("p"), accessTo(server));
  };
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "cairn-s3-"));
    await serve();
  });
  afterEach(async () => {
    await server.stop();
    await rm(root, { recursive: true, force: true });
  });
  const count = (operation: Operation): number => server.seen.filter((seen) => seen.operation === operation).length;

  test("what is large goes in parts of one size, and leaves no upload behind", async () => {
    await writeFile(join(root, "large"), large);
    expect(await store.create("large", { file: join(root, "large") })).toMatchObject({
      kind: "created",
      bytes: large.length,
    });
    expect(server.bucket.objects.get("p/large")?.pieces.map(({ bytes }) => bytes)).toEqual([
      8_388_608, 8_388_608, 3_222_784,
    ]);
    expect(server.bucket.uploads.size).toBe(0);
    expect((await contentOf(store, "large"))?.equals(large)).toBe(true);
    // The second does not even begin.
    expect(await store.create("large", { file: join(root, "large") })).toEqual({ kind: "exists" });
    expect(count("CreateMultipartUpload")).toBe(2); // One of them was the question whether the server is fit for it.
  });

  test("B1: of two that upload the same large name one does, and nothing of the other is left", async () => {
    const other = openStore(server.url("p"), accessTo(server));
    const outcomes = await Promise.all([store.create("large", large), other.create("large", large)]);
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["created", "exists"]);
    expect(server.bucket.uploads.size).toBe(0);
  });

  test.each<[Operation, string, Buffer]>([
    ["PutObject", "small", Buffer.from("x")],
    ["CompleteMultipartUpload", "large", large],
  ])("U4: a creation whose answer is lost (%s) is known as our own", async (operation, name, content) => {
    server.faults.next(operation, { kind: "cut_after" }, { key: `p/${name}` });
    expect(await store.create(name, content)).toMatchObject({ kind: "created" });
    expect(server.bucket.uploads.size).toBe(0);
    expect(await store.create(name, content)).toEqual({ kind: "exists" });
  });

  test.each<[Operation, string, Buffer]>([
    ["PutObject", "small", Buffer.from("x")],
    ["CompleteMultipartUpload", "large", large],
  ])("a conflict (%s) is not taken for an answer: it is done again", async (operation, name, content) => {
    server.faults.next(operation, error(409, "ConditionalRequestConflict"), { key: `p/${name}`, times: 2 });
    expect(await store.create(name, content)).toMatchObject({ kind: "created" });
    expect(server.bucket.uploads.size).toBe(0);
  });

  test.each(["ConditionalRequestConflict", "InternalError"])(
    "N4: an upload that fails with %s when the answer had begun as a success is done again",
    async (code) => {
      server.faults.next("CompleteMultipartUpload", { kind: "answer_late", code }, { key: "p/large" });
      expect(await store.create("large", large)).toMatchObject({ kind: "created" });
      expect((await contentOf(store, "large"))?.equals(large)).toBe(true);
      expect(server.bucket.uploads.size).toBe(0);
    },
  );

  test("N4: so it is with one that came too late", async () => {
    server.faults.next("CompleteMultipartUpload", { kind: "answer_late", code: "PreconditionFailed" }, { times: 9 });
    server.faults.next("HeadObject", error(404, "NotFound"), { key: "p/large" });
    await openStore(server.url("p"), accessTo(server)).create("large", Buffer.from("another's"));
    expect(await store.create("large", large)).toEqual({ kind: "exists" });
    expect(server.bucket.uploads.size).toBe(0);
  });

  test("U4: what got no answer in the end is looked at: it may be there, by us or by another", async () => {
    server.faults.next("PutObject", { kind: "cut_after" }, { key: "p/ours" });
    server.faults.next("PutObject", { kind: "cut_before" }, { key: "p/ours", times: 4 });
    expect(await store.create("ours", Buffer.from("x"))).toMatchObject({ kind: "created" });
    server.faults.next("PutObject", { kind: "cut_before" }, { key: "p/ours", times: 5 });
    expect(await store.create("ours", Buffer.from("x"))).toEqual({ kind: "exists" });
    server.faults.next("PutObject", { kind: "cut_before" }, { key: "p/none", times: 5 });
    await expect(store.create("none", Buffer.from("x"))).rejects.toMatchObject({ reason: "unavailable" });
  });

  test("a clock that is wrong by hours is set right by what the server says", async () => {
    await server.stop();
    server = new S3Server({ folder: join(root, "bucket"), aheadMs: -2 * hourMs });
    await server.start();
    const behind = openStore(server.url("p"), accessTo(server));
    expect(await behind.stat("none")).toBeNull();
    expect(await behind.create("x", Buffer.from("x"))).toMatchObject({ kind: "created" });
    expect((await contentOf(behind, "x"))?.toString()).toBe("x");
  });

  test("R3: content that is closed unread holds no connection", async () => {
    await store.create("large", large);
    const content = await store.get("large");
    expect(server.reading).toBe(1);
    content!.destroy();
    await eventually("the end of the read", () => server.reading === 0);
  });

  test.each([
    [301, "PermanentRedirect", "?region="],
    [400, "AuthorizationHeaderMalformed", "?region="],
    [400, "ExpiredToken", "set a new one"],
    [403, "AccessDenied", "s3:ListBucket"],
    [403, "InvalidAccessKeyId", "CAIRN_S3_ACCESS_KEY_ID"],
    [404, "NoSuchBucket", "make it"],
  ])("an answer %i %s is a refusal that says what to change", async (status, code, hint) => {
    server.faults.next("GetObject", error(status, code), { times: 5 });
    await expect(store.get("x")).rejects.toMatchObject({
      reason: "refused",
      message: expect.stringContaining(hint) as string,
    });
  });

  test("a quota that is used up is said to be that, also by a server that says a code and no more", async () => {
    server.faults.next("PutObject", { ...error(403, "QuotaExceeded"), message: null }, { key: "p/x" });
    await expect(store.create("x", Buffer.from("x"))).rejects.toMatchObject({
      reason: "full",
      message: "x could not be stored: QuotaExceeded (HTTP 403); make room, or have the quota raised",
    });
  });

  test("the region is the one of the address, else the SDK's, else where S3 began", async () => {
    const region = async (url: string, environment: Readonly<Record<string, string>> = {}): Promise<string> => {
      vi.stubEnv("AWS_REGION", undefined);
      vi.stubEnv("AWS_PROFILE", undefined);
      vi.stubEnv("AWS_CONFIG_FILE", join(root, "none"));
      const { client } = await connectS3(parseS3Url(url), { credentials: null, environment });
      const found = await client.config.region();
      vi.unstubAllEnvs();
      return found;
    };
    expect(await region("s3://bucket?region=eu-central-1", { AWS_REGION: "eu-west-3" })).toBe("eu-central-1");
    expect(await region("s3://bucket", { AWS_REGION: "eu-west-3" })).toBe("eu-west-3");
    expect(await region("s3://bucket?endpoint=http://h:9000", { AWS_REGION: "eu-west-3" })).toBe("us-east-1");
    expect(await region("s3://bucket")).toBe("us-east-1");
  });

  test("a server that is short of breath, or hangs up, is asked again", async () => {
    server.faults.next("PutObject", error(503, "SlowDown"), { key: "p/x" });
    server.faults.next("PutObject", { kind: "cut_before" }, { key: "p/x" });
    server.faults.next("GetObject", error(500, "InternalError"));
    server.faults.next("ListObjectsV2", { kind: "cut_before" });
    server.faults.next("DeleteObject", error(503, "SlowDown"));
    expect(await store.create("x", Buffer.from("x"))).toMatchObject({ kind: "created" });
    expect((await contentOf(store, "x"))?.toString()).toBe("x");
    for await (const name of store.list("")) await store.delete(name);
    expect(await store.stat("x")).toBeNull();
  });

  test("N3: a server that does not answer is given up and asked again", async () => {
    const impatient = new S3Store({
      url: server.url(),
      address: parseS3Url(server.url()),
      credentials: accessTo(server).s3,
      idleMs: 300,
    });
    server.faults.next("HeadObject", { kind: "hang" });
    expect(await impatient.stat("none")).toBeNull();
    expect(count("HeadObject")).toBe(2);
  });

  test("a server that fails all the time is a fault that says what failed", async () => {
    server.faults.next("GetObject", error(500, "InternalError"), { times: 5 });
    await expect(store.get("x")).rejects.toMatchObject({
      reason: "unavailable",
      message: expect.stringMatching(/^x could not be read: InternalError.*\(HTTP 500\)$/) as string,
    });
  });

  test("R1: a read that breaks off goes on where it was", async () => {
    await store.create("large", large);
    server.faults.next("GetObject", { kind: "cut_half" }, { times: 3 });
    expect((await contentOf(store, "large"))?.equals(large)).toBe(true);
    expect(count("GetObject")).toBe(4);
    const rest = await store.get("large", large.length - 10);
    expect(Buffer.concat((await rest!.toArray()) as Buffer[]).equals(large.subarray(-10))).toBe(true);
    expect(await (await store.get("large", large.length))!.toArray()).toEqual([]);
  });

  test("B4: large content that is not what was announced is never seen, and its parts are given up", async () => {
    await writeFile(join(root, "large"), large);
    const sha256 = "0".repeat(64);
    await expect(store.create("large", { file: join(root, "large") }, { sha256 })).rejects.toMatchObject({
      reason: "changed",
    });
    expect(await store.stat("large")).toBeNull();
    expect(server.bucket.uploads.size).toBe(0);
  });

  test("T1: a server that overwrites in spite of the condition is refused, and nothing is stored", async () => {
    await server.stop();
    await serve(["PutObject"]);
    for (const [name, content] of [
      ["one", Buffer.from("x")],
      ["two", large],
    ] as const) {
      await expect(store.create(name, content)).rejects.toMatchObject({
        reason: "refused",
        message: expect.stringContaining("does not honour If-None-Match on PutObject") as string,
      });
    }
    expect([...server.bucket.objects.keys()]).toEqual(["p/.cairn-probe"]);
    expect(server.bucket.uploads.size).toBe(0);
  });

  describe("U5: on a server that checks the condition for whole objects only, as Ceph's does", () => {
    const sha256 = createHash("sha256").update(large).digest("hex");
    const pieces = (): AnnouncedPieces => ({ pieces: Readable.from([large]), bytes: large.length, sha256 });
    beforeEach(async () => {
      await server.stop();
      await serve(["CompleteMultipartUpload"]);
    });

    test.each([`jobs/j/objects/${sha256}-1.2`, `jobs/j/artifacts/a.bin/${sha256}`])(
      "large content under a name that promises it goes in parts, and stays what it is (%s)",
      async (name) => {
        const other = openStore(server.url("p"), accessTo(server));
        await writeFile(join(root, "large"), large);
        const outcomes = await Promise.all([
          store.createNamed(join(root, "large"), () => name),
          other.create(name, pieces()),
        ]);
        expect(outcomes.map(({ kind }) => kind)).toContain("created");
        expect(server.bucket.objects.get(`p/${name}`)?.pieces).toHaveLength(3);
        expect((await contentOf(store, name))?.equals(large)).toBe(true);
        expect(await store.create(name, pieces())).toEqual({ kind: "exists" });
        await store.delete(name);
        await writeFile(join(root, "large"), randomBytes(large.length));
        const changed = store.create(name, { file: join(root, "large") }, { sha256 });
        await expect(changed).rejects.toMatchObject({ reason: "changed" });
        expect(await store.stat(name)).toBeNull();
        expect(server.bucket.uploads.size).toBe(0);
      },
    );

    test("under another name it goes whole, with the condition, if it is in memory", async () => {
      const other = openStore(server.url("p"), accessTo(server));
      const outcomes = await Promise.all([store.create("large", large), other.create("large", large)]);
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["created", "exists"]);
      expect(server.bucket.objects.get("p/large")?.pieces).toHaveLength(1);
    });

    test("else it is refused before anything is sent", async () => {
      const names = ["large", `jobs/j/objects/${"0".repeat(64)}-1.2`];
      for (const name of names) {
        await expect(store.create(name, pieces())).rejects.toMatchObject({
          reason: "refused",
          message: expect.stringContaining("does not honour If-None-Match on CompleteMultipartUpload") as string,
        });
      }
      expect(count("UploadPart")).toBe(1); // The question whether the server checks.
      expect([...server.bucket.objects.keys()]).toEqual(["p/.cairn-probe"]);
    });
  });

  test("wrong keys and a bucket that does not exist are faults that asking again does not mend", async () => {
    const wrong = { s3: { ...server.keys, secretAccessKey: "wrong", sessionToken: null }, token: null };
    await expect(openStore(server.url(), wrong).create("x", Buffer.from("x"))).rejects.toMatchObject({
      reason: "refused",
      message: expect.stringContaining("SignatureDoesNotMatch") as string,
    });
    const elsewhere = openStore(server.url().replace("test-bucket", "no-bucket"), accessTo(server));
    await expect(elsewhere.get("x")).rejects.toMatchObject({ reason: "refused" });
    expect(count("PutObject")).toBe(0);
  });

  test("P1: uploads without a sign of life for an hour are swept, others not, nor what is not ours", async () => {
    await store.create("x", Buffer.from("x"));
    const piece = server.bucket.objects.get("p/x")!.pieces[0]!;
    const old = Date.now() - 2 * hourMs;
    const begin = (id: string, key: string, at: number, parts: readonly number[]): void => {
      const pieces = parts.map((written, n) => [n + 1, { ...piece, at: written }] as const);
      server.bucket.uploads.set(id, { key, metadata: {}, at, parts: new Map(pieces) });
    };
    begin("1", "p/dead", old, [old, old, old]);
    begin("2", "p/never-wrote", old, []);
    begin("3", "p/young", Date.now(), []);
    begin("4", "p/slow", old, [old, old, Date.now()]);
    begin("5", "p/.foreign", old, []);
    begin("6", "q/foreign", old, []);
    expect(await store.sweep()).toBe(2);
    expect([...server.bucket.uploads.keys()]).toEqual(["3", "4", "5", "6"]);
    expect(await store.sweep()).toBe(0);
  });

  test("U2: a part is larger where S3 would not take so many", () => {
    expect(partSizeFor(1)).toBe(8_388_608);
    expect(partSizeFor(80_000_000_000)).toBe(8_388_608);
    const huge = 2 ** 42;
    expect(Math.ceil(huge / partSizeFor(huge))).toBeLessThanOrEqual(10_000);
  });

  test.each([
    ["s3://bucket", { bucket: "bucket", prefix: "", region: null, endpoint: null, style: "virtual" }],
    [
      "s3://b.2/x/y/?region=eu-1&endpoint=http://h:9000",
      { bucket: "b.2", prefix: "x/y/", region: "eu-1", endpoint: "http://h:9000", style: "path" },
    ],
    [
      "s3://bucket/x?endpoint=https://h&style=virtual",
      { bucket: "bucket", prefix: "x/", region: null, endpoint: "https://h", style: "virtual" },
    ],
  ])("%s is an address", (url, address) => {
    expect(parseS3Url(url)).toEqual(address);
  });

  test.each([
    ["s3:x", "no name of a bucket"],
    ["s3://B", "no name of a bucket"],
    ["s3://id:secret@bucket/", "credentials do not belong into the URL"],
    ["s3://bucket?endpoint=h:9000", "the endpoint is an http"],
    ["s3://bucket?regoin=x", 'there is no parameter "regoin"'],
    ["s3://bucket?style=x", "style is path or virtual"],
    [`s3://bucket/${"p".repeat(701)}`, "at most 700 characters"],
  ])("%s is none, and the message holds no secret", (url, why) => {
    expect(() => parseS3Url(url)).toThrow(why);
    expect(() => parseS3Url(url)).not.toThrow("id:secret");
  });
});
