/**
 * Lays the input files of a job into its working folder.
 *
 * IF1 Nothing is taken as it came: it has a greatest size and a time limit, and is compared with its hash where one is
 *     given.
 * IF2 A URL that a caller chose is fetched only from places that the operator allows: the worker stands in a network
 *     that the caller does not. That goes for every redirect too.
 * IF3 What the checkpoint brings along is not fetched again: its source may be gone, or another by now.
 */
import { createWriteStream } from "node:fs";
import { chmod, cp, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { hashFile } from "../../src/checkpoints/checkpoints.ts";
import type { FileSource } from "../../src/tasks/program/definition.ts";
import { expand, NotExpandable, type Scope, valueOf } from "../../src/tasks/program/expand.ts";
import { NotRetryable } from "../../src/tasks/outcome.ts";

const MAX_REDIRECTS = 5;

export interface InputFilesOptions {
  readonly folder: string;
  readonly here: string | undefined;
  readonly scope: Scope;
  /** Gets an artifact of a job as a file that may be moved. @throws NotRetryable (there is none), Error */
  readonly artifact: (wanted: {
    readonly job: string;
    readonly name: string;
    readonly maxBytes: number;
  }) => Promise<string>;
  /** Is a file of this name, or one of a folder of this name, to be laid out (IF3)? */
  readonly isWanted: (name: string) => boolean;
}

/** @throws NotExpandable, NotRetryable (the input names what cannot be had), Error (may be had later) */
export async function layOutFiles(
  files: Readonly<Record<string, FileSource>>,
  options: InputFilesOptions,
): Promise<void> {
  for (const [name, source] of Object.entries(files)) {
    if (!options.isWanted(name)) continue;
    const path = join(options.folder, name);
    await mkdir(dirname(path), { recursive: true });
    if (source.path === undefined) await rm(path, { force: true }); // It may be read-only, or linked to.
    await layOut(source, path, `files.${name}`, options);
    await check(source, path, `files.${name}`, options.scope);
    if (source.executable) await chmod(path, 0o755);
  }
}

async function layOut(source: FileSource, path: string, where: string, options: InputFilesOptions): Promise<void> {
  const { scope, here, folder, isWanted } = options;
  if (source.text !== undefined) {
    await writeFile(path, expand(source.text, scope, `${where}.text`));
  } else if (source.base64 !== undefined) {
    await writeFile(path, fromBase64(expand(source.base64, scope, `${where}.base64`), where));
  } else if (source.json !== undefined) {
    await writeFile(path, JSON.stringify(valueOf(source.json, scope) ?? null));
  } else if (source.path !== undefined) {
    const from = resolve(here ?? "/", expand(source.path, scope, `${where}.path`));
    const filter = async (each: string, to: string): Promise<boolean> =>
      isWanted(relative(folder, to)) || (await stat(each)).isDirectory();
    await cp(from, path, { recursive: true, dereference: true, mode: 0, filter }).catch((error: unknown) => {
      throw notCopied(`${where}.path`, from, error);
    });
  } else if (source.url !== undefined) {
    await fetchTo(source, path, where, scope);
  } else if (source.artifact !== undefined) {
    const job = expand(source.artifact.job, scope, `${where}.artifact.job`);
    const name = expand(source.artifact.name, scope, `${where}.artifact.name`);
    const fetched = options.artifact({ job, name, maxBytes: source.maxBytes });
    await rename(await fetched.catch((error: unknown) => named(where, error)), path);
  }
}

/** IF1 */
async function check(source: FileSource, path: string, where: string, scope: Scope): Promise<void> {
  const found = await stat(path);
  if (!found.isFile()) return;
  if (found.size > source.maxBytes) {
    throw new NotRetryable(`${where}: has ${found.size} bytes, more than ${source.maxBytes}`);
  }
  if (source.sha256 === undefined) return;
  const wanted = expand(source.sha256, scope, `${where}.sha256`).toLowerCase();
  const { sha256 } = await hashFile(path);
  if (sha256 !== wanted) throw new NotRetryable(`${where}: its SHA-256 is ${sha256}, not ${wanted}`);
}

async function fetchTo(source: FileSource, path: string, where: string, scope: Scope): Promise<void> {
  const template = source.url ?? "";
  const first = expand(template, scope, `${where}.url`, encodeUnlessWhole(template));
  // A host that the definition names itself is allowed by that, below the folder that it names (IF2).
  const fixed = /^https?:\/\/[^/$]+\//.exec(template)?.[0];
  const below = /^https?:\/\/[^/$]+\/(?:[^$?#]*\/)?/.exec(template)?.[0];
  if (below !== undefined && !new URL(first).href.startsWith(new URL(below).href)) {
    throw new NotExpandable(`${where}.url: ${first} leads out of ${below}`);
  }
  const allowed = fixed === undefined ? source.allow : [fixed, ...source.allow];
  const signal = AbortSignal.timeout(source.timeoutMs);
  let url = first;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    demandAllowed(url, allowed, where);
    const answer = await fetch(url, { redirect: "manual", signal }).catch((error: unknown) => {
      throw new Error(`${where}: ${url} could not be fetched: ${reasonOf(error)}`, { cause: error });
    });
    const next = answer.headers.get("location");
    if (answer.status >= 300 && answer.status < 400 && next !== null) {
      await answer.body?.cancel();
      url = new URL(next, url).href;
      continue;
    }
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 408 && answer.status !== 429) {
      throw new NotRetryable(`${where}: ${url} answers ${answer.status}`);
    }
    if (!answer.ok || answer.body === null) throw new Error(`${where}: ${url} answers ${answer.status}`);
    await download(answer.body, path, source.maxBytes, where);
    return;
  }
  throw new NotRetryable(`${where}: ${first} redirects more than ${MAX_REDIRECTS} times`);
}

async function download(body: ReadableStream, path: string, maxBytes: number, where: string): Promise<void> {
  let bytes = 0;
  const bounded = new Transform({
    transform(piece: Buffer, _encoding, done) {
      bytes += piece.length;
      if (bytes > maxBytes) done(new NotRetryable(`${where}: is longer than ${maxBytes} bytes`));
      else done(null, piece);
    },
  });
  try {
    await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), bounded, createWriteStream(path));
  } catch (error) {
    await rm(path, { force: true });
    if (error instanceof NotRetryable) throw error;
    throw new Error(`${where}: broke off after ${bytes} bytes: ${reasonOf(error)}`, { cause: error });
  }
}

/** IF2 */
function demandAllowed(url: string, allowed: readonly string[], where: string): void {
  if (!URL.canParse(url)) throw new NotExpandable(`${where}.url: "${url}" is no URL`);
  const { protocol, href, username } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:")
    throw new NotExpandable(`${where}.url: must be http:// or https://`);
  const fits = allowed.some((beginning) => beginning === "*" || href.startsWith(new URL(beginning).href));
  if (!fits || username !== "") {
    throw new NotExpandable(`${where}.url: ${url} is not allowed; allowed are ${allowed.join(", ") || "none"}`);
  }
}

/** What is put into a URL is a part of it; what is the URL stays as it is. */
function encodeUnlessWhole(template: string): (value: string) => string {
  return /^\$\{[^}]*\}$/.test(template) ? (value) => value : encodeURIComponent;
}

function fromBase64(text: string, where: string): Buffer {
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) throw new NotExpandable(`${where}.base64: is not base64`);
  return Buffer.from(text, "base64");
}

/** @throws the same, said of `where` */
function named(where: string, error: unknown): never {
  const message = `${where}: ${error instanceof Error ? error.message : String(error)}`;
  throw error instanceof NotRetryable ? new NotRetryable(message) : new Error(message, { cause: error });
}

/** The machine may lack room; what is not there, or may not be read, is so the next time too. */
function notCopied(where: string, from: string, error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return new NotRetryable(`${where}: there is no ${from} on this machine`, { cause: error });
  if (code === "EACCES" || code === "EPERM") {
    return new NotRetryable(`${where}: ${from} may not be read by this worker`, { cause: error });
  }
  return error instanceof Error ? error : new Error(String(error));
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
