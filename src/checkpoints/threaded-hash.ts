/**
 * Hashes a large file in a thread (`hash-thread.cjs`): one that lies there, or one that is just being copied, which it
 * follows. So a copy is hashed when it is whole, or a little later.
 *
 * HC2 A copy is followed only where whoever sees a file grow sees what it has grown by: on file systems of this machine
 *     (where a server copies, a file may have its size before its bytes), and on processors that do not reorder writes.
 * HC3 Whoever follows a copy says how it ended. Until then the thread waits for more, and keeps no process from ending.
 */
import { once } from "node:events";
import { statfs } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { type FileStamp, identityOf } from "./file-identity.ts";
import type { Content } from "./hashing-copy.ts";

/** Files of this size and more are hashed in a thread: starting one takes some 10 to 20 ms, in which 32 MiB are hashed. */
export const THREAD_FROM = 33_554_432;

/** Of file systems of this machine (HC2): ext4, XFS, Btrfs, tmpfs, F2FS, ZFS, and what containers lay over them. */
const GROWING: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x2fc12fc1, 0x794c7630,
]);
const [WHOLE, UNWANTED] = [1, 2];
/** A thread that has nothing to do keeps some MiB; the next checkpoint may be long in coming. */
const IDLE_MS = 60_000;

/** What a file hashes to, and which file that was when it had been read. */
export interface HashedFile extends Content {
  readonly identity: string;
}

/** Can a copy that is made in `folder` be followed (HC2)? @throws what the file system says */
export async function canFollow(folder: string): Promise<boolean> {
  return process.arch === "x64" && GROWING.has((await statfs(folder)).type);
}

/** Hashes a file that nobody copies any more. @throws what the file system says */
export async function hashInThread(path: string): Promise<Content> {
  const thread = startThread({ path, copying: null });
  try {
    const { bytes, sha256 } = await resultOf(thread);
    return { bytes, sha256 };
  } finally {
    await thread.terminate();
  }
}

/** Follows copies, one after the other in the same thread: to start one takes some 30 ms while a file is copied. */
export class HashThreads {
  #idle: { readonly thread: Worker; readonly timer: NodeJS.Timeout } | null = null;

  /** @param path of the copy, which need not be there yet */
  follow(path: string): FollowingHash {
    const copying = new SharedArrayBuffer(4);
    const thread = this.#take();
    if (thread === null) return new FollowingHash(startThread({ path, copying }), copying, this.#release);
    thread.postMessage({ path, copying });
    return new FollowingHash(thread, copying, this.#release);
  }

  #take(): Worker | null {
    const idle = this.#idle;
    this.#idle = null;
    if (idle === null) return null;
    clearTimeout(idle.timer);
    return idle.thread;
  }

  readonly #release = (thread: Worker): void => {
    thread.unref();
    if (this.#idle === null) {
      const timer = setTimeout(() => void this.#take()?.terminate(), IDLE_MS).unref();
      this.#idle = { thread, timer };
    } else void thread.terminate();
  };
}

/** The hash of a copy that is being made. */
export class FollowingHash {
  /** Rejects with what the file system says of the reading. Never settles when the copy is not wanted any more. */
  readonly result: Promise<HashedFile>;
  readonly #thread: Worker;
  readonly #copying: Int32Array;

  /** @param release takes the thread back when it has hashed */
  constructor(thread: Worker, copying: SharedArrayBuffer, release: (thread: Worker) => void) {
    this.#thread = thread;
    this.#copying = new Int32Array(copying);
    this.result = resultOf(thread).then((hashed) => {
      release(thread);
      return hashed;
    });
    this.result.catch(() => undefined); // It is waited for later, or not at all.
    thread.unref(); // HC3. Behind `resultOf`: who listens to a thread keeps it.
  }

  /** The copy is whole: all that it will ever have is there. */
  whole(): void {
    this.#thread.ref();
    this.#tell(WHOLE);
  }

  unwanted(): void {
    this.#tell(UNWANTED);
  }

  #tell(what: number): void {
    Atomics.store(this.#copying, 0, what);
    Atomics.notify(this.#copying, 0);
  }
}

function startThread(task: { readonly path: string; readonly copying: SharedArrayBuffer | null }): Worker {
  return new Worker(new URL("hash-thread.cjs", import.meta.url), {
    execArgv: [], // Not those of this process: `--input-type` would end the thread.
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 },
  });
}

async function resultOf(thread: Worker): Promise<HashedFile> {
  // Rejects with what the thread throws.
  const [{ bytes, sha256, file }] = (await once(thread, "message")) as [Content & { readonly file: FileStamp }];
  return { bytes, sha256, identity: identityOf(file) };
}
