import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeManifest, encodeManifest, isFileName, type Manifest } from "../../src/checkpoints/manifest.ts";
import * as names from "../../src/checkpoints/names.ts";

const hash = "a".repeat(64);
const manifest: Omit<Manifest, "format"> = {
  job: "01h",
  task: "count",
  checkpointVersion: 1,
  seq: 3,
  fence: "1.2",
  token: "t",
  attempt: 2,
  parent: { seq: 2, manifest: "jobs/01h/checkpoints/2-1.1-t.json", sha256: hash },
  node: "v20.20.2",
  progress: { completed: 5, total: null, unit: 'steps "sha256":"' },
  createdAt: "2026-01-01T00:00:00.000Z",
  bytes: 4,
  artifacts: [],
  files: [{ name: "a/b", bytes: 4, sha256: hash, object: `jobs/01h/objects/${hash}-1.2` }],
};

describe("a manifest", () => {
  const { text, sha256 } = encodeManifest(manifest);

  test("is read back as it was written, and names its own hash last", () => {
    expect(decodeManifest(text, sha256)).toEqual({ kind: "ok", sha256, manifest: { format: 1, ...manifest } });
    expect(text.endsWith(`,"sha256":"${sha256}"}\n`)).toBe(true);
  });

  test("M1: that was changed anywhere, or cut off anywhere, is damaged", () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 127 }), (at, flip) => {
        const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ flip) + text.slice(at + 1);
        return decodeManifest(changed, sha256).kind === "damaged";
      }),
    );
    fc.assert(fc.property(fc.nat(text.length - 1), (at) => decodeManifest(text.slice(0, at), null).kind === "damaged"));
  });

  test("M1: that is whole but another is not the committed one", () => {
    const other = encodeManifest({ ...manifest, seq: 4 });
    expect(decodeManifest(other.text, null).kind).toBe("ok");
    expect(decodeManifest(other.text, sha256)).toMatchObject({ kind: "damaged" });
  });

  test("M3: names of files that lead elsewhere are refused", () => {
    for (const name of ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "a\\b", "a\0b"]) {
      expect(isFileName(name)).toBe(false);
      const { text: bad } = encodeManifest({ ...manifest, files: [{ ...manifest.files[0]!, name }] });
      expect(decodeManifest(bad, null).kind).toBe("damaged");
    }
    for (const name of ["a", ".cairn.json", "a/b c/ü.dat", "..."]) expect(isFileName(name)).toBe(true);
  });
});

describe("names in the store", () => {
  const fence = (generation: number, counter: number) => ({ generation, counter, token: "token" });

  test("A1: what leads elsewhere is no name", () => {
    for (const name of ["", "/a", "a/..", "../a", "a//b", ".a", "a/.b", "a b", "a\0"]) {
      expect(() => names.checkName(name)).toThrow(TypeError);
    }
    expect(() => names.jobFolder("../other")).toThrow(TypeError);
    expect(names.isArtifactName("result.nc")).toBe(true);
    for (const name of ["", "a/b", ".hidden", "ü", "x".repeat(129)]) expect(names.isArtifactName(name)).toBe(false);
  });

  test("A2: objects and manifests tell whether an older attempt made them", () => {
    const made = [names.objectName("j", hash, fence(2, 3)), names.manifestName("j", 7, fence(2, 3), 0)];
    for (const name of made) {
      expect(names.isOlderThan(name, fence(2, 3))).toBe(false);
      expect(names.isOlderThan(name, fence(2, 4))).toBe(true);
      expect(names.isOlderThan(name, fence(3, 1))).toBe(true);
      expect(names.isOlderThan(name, fence(1, 9))).toBe(false);
    }
    expect(names.isOlderThan(names.manifestName("j", 7, fence(2, 3), 4), fence(2, 4))).toBe(true);
    expect(names.isOlderThan(names.outcomeName("j", 0), fence(9, 9))).toBe(false);
  });

  test("are as the documentation says", () => {
    expect(names.manifestName("j", 7, fence(2, 3), 0)).toBe("jobs/j/checkpoints/7-2.3-token.json");
    expect(names.outcomeName("j", 0)).toBe("jobs/j/OUTCOME.json");
    expect(names.outcomeName("j", 2)).toBe("jobs/j/OUTCOME-2.json");
    expect(names.artifactName("j", "out.nc", hash)).toBe(`jobs/j/artifacts/out.nc/${hash}`);
    const piece = names.logPieceName("j", 1, 0, 42);
    expect(piece).toBe("jobs/j/logs/1/000000000000000-000000000000042");
    expect(names.parseLogPiece(piece)).toEqual({ start: 0, end: 42 });
  });
});
