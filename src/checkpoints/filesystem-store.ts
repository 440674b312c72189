/**
 * A checkpoint store in a folder: of one machine, or on a mount that several share.
 *
 * W1 Content is written to a temporary file, synced, and only then linked to its name: `link` fails if the name exists
 *    (B1), and what has a name is whole (B2). The folder is synced after that, else a crash may take the name back.
 * W2 Temporary files lie in `.tmp/`, which no name can reach into (A1).
 *    A file that the store may keep (B6) is synced where it lies and gets its name by `link` too: nothing is copied.
 * W3 Whether a remainder in `.tmp/` is old is decided by the file server's clock alone, by comparison with a new file.
 */
import { randomBytes } from "node:crypto";
import { constants, type Dirent, type Stats } from "node:fs";
import { link, mkdir, open, readdir, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { EarlyWriteback } from "./early-writeback.ts";
import { type Content, copyHashed, hashFile, hashingCopy } from "./hashing-copy.ts";
import { checkName, checkPrefix } from "./names.ts";
import {
  announcedHash,
  type CheckpointStore,
  contentChanged,
  type CreateOutcome,
  type NamedOptions,
  type NamedOutcome,
  type NameOf,
  type Source,
  type StoredEntry,
  StoreFault,
} from "./store.ts";
import { isCode } from "./system-error.ts";
import { HashThreads, THREAD_FROM } from "./threaded-hash.ts";

/** A writer that has not written for so long is dead; if it is not, its `create` fails and nothing else happens. */
const ABANDONED_MS = 3_600_000;
const MODE = 0o644;

export class FilesystemStore implements CheckpointStore {
  readonly url: string;
  readonly #root: string;
  readonly #temporary: string;
  readonly #threads = new HashThreads();
  /** Whether files can be linked into here from where they come from: a mount of its own cannot be linked into. */
  #linking: "possible" | "impossible" = "possible";

  constructor(root: string) {
    this.url = `file:${root}`;
    this.#root = root;
    this.#temporary = join(root, ".tmp"); // W2
  }

  async create(name: string, source: Source, expected?: { readonly sha256: string }): Promise<CreateOutcome> {
    const path = this.#path(name);
    try {
      if ((await entryOf(path)) !== null) return { kind: "exists" };
      const temporary = await this.#temporaryPath();
      try {
        const { bytes, sha256 } =
          "file" in source ? await this.#copyFrom(source.file, temporary) : await writeFrom(source, temporary);
        if (sha256 !== (announcedHash(source, expected) ?? sha256)) throw contentChanged(name); // B4
        const created = await linkDurably(temporary, path, this.#root);
        return created ? { kind: "created", bytes, sha256 } : { kind: "exists" };
      } finally {
        await unlink(temporary).catch(() => undefined); // What remains is swept later.
      }
    } catch (error) {
      throw faultOf(error, `${name} could not be stored`);
    }
  }

  async createNamed(
    file: string,
    nameOf: NameOf,
    { rights = "read", hashed }: NamedOptions = {},
  ): Promise<NamedOutcome> {
    try {
      const kept = rights === "keep" ? await this.#keep(file, nameOf, hashed) : null;
      if (kept !== null) return kept;
      const temporary = await this.#temporaryPath();
      try {
        const content = await this.#copyFrom(file, temporary);
        const name = nameOf(content);
        if (name === null) return { kind: "not_needed", name, ...content };
        const created = await linkDurably(temporary, this.#path(name), this.#root);
        return { kind: created ? "created" : "exists", name, ...content };
      } finally {
        await unlink(temporary).catch(() => undefined); // What remains is swept later.
      }
    } catch (error) {
      throw faultOf(error, `${file} could not be stored`);
    }
  }

  /** Makes `file` itself an object (W1). @returns null where that cannot be: it has to be copied */
  async #keep(file: string, nameOf: NameOf, hashed: Promise<Content> | undefined): Promise<NamedOutcome | null> {
    if (this.#linking === "impossible") return null;
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const before = await handle.stat({ bigint: true });
      await mkdir(this.#temporary, { recursive: true });
      // Whose it is, it stays: an object that somebody else may write to is none.
      const isOurs = before.isFile() && Number(before.uid) === process.geteuid?.();
      if (!isOurs || before.dev !== (await stat(this.#temporary, { bigint: true })).dev) return null;
      const [content] = await Promise.all([hashed ?? hashFile(file), handle.sync()]);
      const name = nameOf(content);
      if (name === null) return { kind: "not_needed", name, ...content };
      const path = this.#path(name);
      await handle.chmod(MODE);
      if (!(await linkDurably(file, path, this.#root))) return { kind: "exists", name, ...content };
      const after = await stat(path, { bigint: true });
      if (after.ino === before.ino && after.size === before.size && after.mtimeNs === before.mtimeNs) {
        return { kind: "created", name, ...content };
      }
      await unlink(path);
      throw contentChanged(name); // B4
    } catch (error) {
      if (!isCode(error, "EXDEV", "EPERM", "EMLINK", "ENOTSUP")) throw error;
      if (!isCode(error, "EMLINK")) this.#linking = "impossible";
      return null;
    } finally {
      await handle.close();
    }
  }

  async get(name: string, from = 0): Promise<Readable | null> {
    const path = this.#path(name);
    try {
      const handle = await open(path, constants.O_RDONLY);
      return handle.createReadStream({ highWaterMark: 1_048_576, start: from });
    } catch (error) {
      if (isCode(error, "ENOENT", "ENOTDIR")) return null;
      throw faultOf(error, `${name} could not be read`);
    }
  }

  async copyTo(name: string, file: string): Promise<Content | null> {
    const path = this.#path(name);
    try {
      return await (
        await copyHashed(path, file, this.#threads)
      ).content;
    } catch (error) {
      if (isCode(error, "ENOENT", "ENOTDIR") && (await entryOf(path)) === null) return null;
      throw faultOf(error, `${name} could not be copied out of the store`);
    }
  }

  async stat(name: string): Promise<StoredEntry | null> {
    const path = this.#path(name);
    try {
      const entry = await entryOf(path);
      return entry?.isFile() === true ? { name, bytes: entry.size } : null;
    } catch (error) {
      throw faultOf(error, `${name} could not be looked at`);
    }
  }

  async *list(prefix: string): AsyncIterable<string> {
    yield* this.#walk(checkPrefix(prefix).slice(0, prefix.lastIndexOf("/") + 1), prefix);
  }

  async delete(name: string): Promise<void> {
    const path = this.#path(name);
    try {
      await unlink(path);
    } catch (error) {
      if (!isCode(error, "ENOENT", "ENOTDIR")) throw faultOf(error, `${name} could not be deleted`);
    }
    // Folders that are empty now; a `create` that is just making one tries again (linkDurably).
    for (let folder = dirname(path); folder.length > this.#root.length; folder = dirname(folder)) {
      const removed = await rmdir(folder).then(
        () => true,
        () => false,
      );
      if (!removed) return;
    }
  }

  async sweep(): Promise<number> {
    try {
      const probe = await this.#temporaryPath();
      await writeFile(probe, "");
      const now = (await stat(probe)).mtimeMs; // W3
      await unlink(probe);
      let swept = 0;
      for (const name of await readdir(this.#temporary)) {
        const path = join(this.#temporary, name);
        const entry = await entryOf(path);
        if (entry === null || now - entry.mtimeMs < ABANDONED_MS) continue;
        await unlink(path).catch(() => undefined);
        swept += 1;
      }
      return swept;
    } catch (error) {
      throw faultOf(error, "the remains of killed writers could not be removed");
    }
  }

  async *#walk(folder: string, prefix: string): AsyncIterable<string> {
    let entries: Dirent[];
    try {
      entries = await readdir(join(this.#root, folder), { withFileTypes: true });
    } catch (error) {
      if (isCode(error, "ENOENT", "ENOTDIR")) return;
      throw faultOf(error, `${folder} could not be listed`);
    }
    const visible = entries.filter((entry) => !entry.name.startsWith(".")); // W2
    // Folders with their slash, so that the order is that of whole names.
    const names = visible.map((entry) => `${folder}${entry.name}${entry.isDirectory() ? "/" : ""}`).sort();
    for (const name of names) {
      if (!name.endsWith("/")) {
        if (name.startsWith(prefix)) yield name;
      } else if (name.startsWith(prefix) || prefix.startsWith(name)) {
        yield* this.#walk(name, prefix);
      }
    }
  }

  /** Makes `path` of what is in `file`: hashed while it is copied and goes to the disk. */
  async #copyFrom(file: string, path: string): Promise<Content> {
    const writeback = (await stat(file)).size >= THREAD_FROM ? new EarlyWriteback(path) : null;
    try {
      const copy = await copyHashed(file, path, this.#threads);
      const handle = await open(path, "r");
      try {
        await handle.chmod(MODE); // A copy has the mode of its source, which is no business of the store's.
        const [content] = await Promise.all([copy.content, handle.sync(), writeback?.end()]);
        return content;
      } finally {
        await handle.close();
      }
    } catch (error) {
      await writeback?.end().catch(() => undefined); // The first fault counts.
      throw error;
    }
  }

  #path(name: string): string {
    return join(this.#root, checkName(name));
  }

  async #temporaryPath(): Promise<string> {
    await mkdir(this.#temporary, { recursive: true });
    return join(this.#temporary, randomBytes(12).toString("hex"));
  }
}

/** Makes `path` of everything in `source`, and syncs it. The hash is that of what was written. */
async function writeFrom(source: Exclude<Source, { file: string }>, path: string): Promise<Content> {
  const handle = await open(path, "wx", MODE);
  try {
    const content = await hashingCopy(source, handle);
    await handle.sync();
    return content;
  } finally {
    await handle.close();
  }
}

/** W1. @returns false if `path` exists already */
async function linkDurably(temporary: string, path: string, root: string): Promise<boolean> {
  for (let trial = 1; ; trial += 1) {
    const made = await mkdir(dirname(path), { recursive: true });
    try {
      await link(temporary, path);
    } catch (error) {
      if (isCode(error, "EEXIST")) return false;
      // Somebody who deleted the last file of the folder took the folder too.
      if (isCode(error, "ENOENT") && trial < 10 && (await entryOf(temporary)) !== null) continue;
      throw error;
    }
    await syncFolder(dirname(path));
    // New folders are entries of their parents, which have to last too.
    if (made !== undefined) {
      for (let folder = dirname(path); folder.length >= made.length && folder !== root; folder = dirname(folder)) {
        await syncFolder(dirname(folder));
      }
    }
    return true;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function entryOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}

function faultOf(error: unknown, what: string): StoreFault | TypeError {
  if (error instanceof StoreFault || error instanceof TypeError) return error; // The latter: no name of a store.
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}`;
  return new StoreFault(isCode(error, "ENOSPC", "EDQUOT", "EFBIG") ? "full" : "unavailable", message, { cause: error });
}
