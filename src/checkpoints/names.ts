/**
 * The names of everything in a checkpoint store.
 *
 * A1 A name is a path of plain parts; none begins with a dot, so nothing leads out of the store.
 * A2 What an attempt writes before it is committed carries the attempt's fence in its name. So an attempt that lost its
 *    lease and wakes up late can neither overwrite nor delete what a newer one has written, and a newer one knows what
 *    an older one left behind.
 * A3 No other file makes a name as text.
 */
import type { Fence } from "../domain/fence.ts";
import { compareFences, fenceText, parseFenceText } from "../domain/fence.ts";

const PART = /^[A-Za-z0-9][A-Za-z0-9._-]{0,250}$/;
const ARTIFACT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** @throws TypeError when `name` is not a path of plain parts (A1) */
export function checkName(name: string): string {
  if (!isName(name)) throw new TypeError(`"${name}" is not a name in a checkpoint store`);
  return name;
}

/** @throws TypeError when no name of a store can begin with `prefix` because of a folder in it (A1) */
export function checkPrefix(prefix: string): string {
  const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  if (folder !== "") checkName(folder.slice(0, -1));
  return prefix;
}

/** Could `name` be a name in a checkpoint store? Stores that others write to as well may hold more. */
export function isName(name: string): boolean {
  return name.length <= 1_000 && name.split("/").every((part) => PART.test(part));
}

/** May an artifact have this name? 1 to 128 letters, digits, dots, hyphens and underscores, the first a letter or digit. */
export function isArtifactName(name: string): boolean {
  return ARTIFACT.test(name);
}

/** What `cairn doctor` writes, reads and deletes again; `token` is random. */
export function probeName(token: string): string {
  return checkName(`doctor/${token}`);
}

/** Everything of one job. */
export function jobFolder(job: string): string {
  return `jobs/${checkName(job)}/`;
}

export function objectFolder(job: string): string {
  return `${jobFolder(job)}objects/`;
}

/** The content of a file of a checkpoint (A2). */
export function objectName(job: string, sha256: string, fence: Fence): string {
  return checkName(`${objectFolder(job)}${sha256}-${fenceText(fence)}`);
}

export function manifestFolder(job: string): string {
  return `${jobFolder(job)}checkpoints/`;
}

/**
 * The manifest of a checkpoint (A2). The token keeps apart two attempts that a set-back Redis gave the same fence;
 * `trial` is 0, and more when storing or committing this number went wrong before in the same attempt.
 */
export function manifestName(job: string, seq: number, fence: Fence, trial: number): string {
  const again = trial === 0 ? "" : `-${trial}`;
  return checkName(`${manifestFolder(job)}${seq}-${fenceText(fence)}-${fence.token}${again}.json`);
}

const FENCED = /^jobs\/([^/]+)\/(?:objects\/[0-9a-f]{64}-([\d.]+)|checkpoints\/\d+-([\d.]+)-[^/]+)$/;

const OF_CONTENT = /^jobs\/[^/]+\/(?:objects\/([0-9a-f]{64})-[\d.]+|artifacts\/[^/]+\/([0-9a-f]{64}))$/;

/** The SHA-256 that this name promises of its content, so that whoever writes it writes the same; null if it does not. */
export function promisedHash(name: string): string | null {
  const [, ofObject, ofArtifact] = OF_CONTENT.exec(name) ?? [];
  return ofObject ?? ofArtifact ?? null;
}

/** Whose attempt wrote this object or manifest (A2); null for all other names. */
export function writerOf(name: string): { readonly job: string; readonly fence: PlainFence } | null {
  const [, job, ofObject, ofManifest] = FENCED.exec(name) ?? [];
  const fence = parseFenceText(ofObject ?? ofManifest ?? "");
  return job === undefined || fence === null ? null : { job, fence };
}

/** A fence as it stands in names. */
export type PlainFence = Pick<Fence, "generation" | "counter">;

/** Was this object or manifest written by an attempt with an older fence? */
export function isOlderThan(name: string, fence: Fence): boolean {
  const writer = writerOf(name);
  return writer !== null && compareFences(writer.fence, fence) < 0;
}

/** What was submitted (`job-traces.ts`). */
export function jobFileName(job: string): string {
  return checkName(`${jobFolder(job)}JOB.json`);
}

export function attemptFolder(job: string): string {
  return `${jobFolder(job)}attempts/`;
}

/** That an attempt began. The token keeps apart two that a set-back Redis gave the same fence. */
export function attemptName(job: string, fence: Fence): string {
  return checkName(`${attemptFolder(job)}${fenceText(fence)}-${fence.token}.json`);
}

export function markFolder(job: string): string {
  return `${jobFolder(job)}marks/`;
}

/** That a job came into a state which no attempt tells, after the attempt with this fence. */
export function markName(job: string, fence: string, round: number, state: string): string {
  return checkName(`${markFolder(job)}${fence}-${round}-${state}.json`);
}

/** How the job ended; `round` is raised by each retry of a final job. */
export function outcomeName(job: string, round: number): string {
  return checkName(`${jobFolder(job)}${round === 0 ? "OUTCOME" : `OUTCOME-${round}`}.json`);
}

export function artifactFolder(job: string): string {
  return `${jobFolder(job)}artifacts/`;
}

/** A version of an artifact. Write-once: the fenced commit names the version that counts. */
export function artifactName(job: string, name: string, sha256: string): string {
  if (!isArtifactName(name)) throw new TypeError(`"${name}" is not a name for an artifact`);
  return checkName(`${artifactFolder(job)}${name}/${sha256}`);
}

export function logFolder(job: string, attempt: number): string {
  return `${jobFolder(job)}logs/${attempt}/`;
}

const LOG_DIGITS = 15;
const LOG_PIECE = new RegExp(`/(\\d{${LOG_DIGITS}})-(\\d{${LOG_DIGITS}})$`);

/** A piece of an attempt's log: the bytes from `start` up to but not including `end`. */
export function logPieceName(job: string, attempt: number, start: number, end: number): string {
  const digits = (at: number): string => String(at).padStart(LOG_DIGITS, "0");
  return checkName(`${logFolder(job, attempt)}${digits(start)}-${digits(end)}`);
}

/** The range of a piece of a log, from its name; null if it is not one. */
export function parseLogPiece(name: string): { readonly start: number; readonly end: number } | null {
  const match = LOG_PIECE.exec(name);
  return match === null ? null : { start: Number(match[1]), end: Number(match[2]) };
}

/** Which store this is (`identity.ts`). */
export const IDENTITY = "IDENTITY.json";

/** Marks that fences of generation `n` were handed out. */
export function generationName(n: number): string {
  return checkName(`generation/${n}`);
}
