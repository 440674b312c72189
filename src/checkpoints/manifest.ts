/**
 * The manifest of a checkpoint: what it consists of, by whom it was made, and the hashes of it all.
 *
 * M1 One line of JSON; its last member `sha256` is the hash of all that stands before it. So a manifest that was
 *    damaged or cut off is noticed without anything else, and the record in Redis names the same hash.
 * M2 The first member is the number of the format. A reader refuses numbers it does not know.
 * M3 The names of files lead nowhere but into the folder they are restored to.
 */
import { createHash } from "node:crypto";
import { z } from "zod";

const FORMAT = 1;
const TAIL = /,"sha256":"([0-9a-f]{64})"\}\n$/;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.int().min(0);
/** A path of parts with `/` that are not empty, `.` or `..` (M3). */
const fileName = z.string().refine((name) => isFileName(name), "not a relative path of plain parts");

const manifestSchema = z.object({
  format: z.literal(FORMAT), // M2
  job: z.string(),
  task: z.string(),
  checkpointVersion: z.int(),
  seq: z.int().min(1),
  fence: z.string(),
  token: z.string(),
  attempt: z.int().min(1),
  parent: z.object({ seq: z.int(), manifest: z.string(), sha256 }).nullable(),
  /** Version of Node.js that wrote it. */
  node: z.string(),
  progress: z.object({ completed: z.number(), total: z.number().nullable(), unit: z.string() }).nullable(),
  createdAt: z.string(),
  bytes: size,
  /** All that the job had handed out by then. Absent in what older versions wrote. */
  artifacts: z.array(z.object({ name: z.string(), sha256, bytes: size })).default([]),
  /** `object` is where in the store the content lies; files of equal content share one. */
  files: z.array(z.object({ name: fileName, bytes: size, sha256, object: z.string() })),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestFile = Manifest["files"][number];

export type ManifestReading =
  | { readonly kind: "ok"; readonly manifest: Manifest; readonly sha256: string }
  | { readonly kind: "damaged"; readonly detail: string };

/** Is this a name that a file of a checkpoint may have (M3)? */
export function isFileName(name: string): boolean {
  return (
    !name.includes("\0") && !name.includes("\\") && name.split("/").every((part) => !["", ".", ".."].includes(part))
  );
}

/** @returns the text to store, and the hash by which the record names it */
export function encodeManifest(manifest: Omit<Manifest, "format">): { readonly text: string; readonly sha256: string } {
  const body = JSON.stringify({ format: FORMAT, ...manifest });
  const hash = createHash("sha256").update(body).digest("hex");
  return { text: `${body.slice(0, -1)},"sha256":"${hash}"}\n`, sha256: hash }; // M1
}

/** Reads and verifies a manifest; `expectedSha256` is what the record says (null: only doctor has no record). */
export function decodeManifest(text: string, expectedSha256: string | null): ManifestReading {
  const tail = TAIL.exec(text);
  if (tail?.[1] === undefined) return { kind: "damaged", detail: "the manifest is cut off" };
  const body = `${text.slice(0, tail.index)}}`;
  const hash = createHash("sha256").update(body).digest("hex");
  if (hash !== tail[1]) return { kind: "damaged", detail: "the manifest does not match its own hash" };
  if (expectedSha256 !== null && hash !== expectedSha256) {
    return { kind: "damaged", detail: "the manifest is not the one that was committed" };
  }
  const parsed = manifestSchema.safeParse(JSON.parse(body));
  if (!parsed.success) return { kind: "damaged", detail: `the manifest: ${z.prettifyError(parsed.error)}` };
  return { kind: "ok", manifest: parsed.data, sha256: hash };
}
