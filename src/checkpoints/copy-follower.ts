/**
 * Hashes a large file while it is frozen by copying (`freeze-files.ts`), which may be done by another process: whoever
 * stores it waits for the rest of the hash, and not for all of it. Measured: a quarter of a checkpoint's time.
 *
 * CF1 One file at a time: more of it would take the processors from the copying, for which the program may stand still.
 * CF2 Such a hash counts for the file that was read, told by inode, size and time of the last write (Z2). For any
 *     other, and when the reading failed, the file is hashed as it lies there.
 * CF3 A copy that was given up is let go at once: an open file takes its room on the disk as long as it is open.
 */
import { join } from "node:path";
import type { CopyBegun, FrozenFile, FrozenFolder } from "./freeze-files.ts";
import { type Content, hashFile } from "./hashing-copy.ts";
import { HashThreads, type FollowingHash } from "./threaded-hash.ts";

export class CopyFollower {
  readonly #threads = new HashThreads();
  #followed: { readonly name: string; readonly hash: FollowingHash } | null = null;

  /** A copy begins (CF1); null: the last one was given up (CF3). */
  follow(copy: CopyBegun | null): void {
    this.#followed?.hash.unwanted();
    this.#followed = copy === null ? null : { name: copy.name, hash: this.#threads.follow(copy.path) };
  }

  /** All copies are whole, and lie in `frozen`. @returns the same with the hash that was begun */
  handOver(frozen: FrozenFolder): FrozenFolder {
    const followed = this.#followed;
    this.#followed = null;
    if (followed === null) return frozen;
    followed.hash.whole();
    const withHash = (file: FrozenFile): FrozenFile =>
      file.name === followed.name ? { ...file, hashed: hashOf(frozen, file, followed.hash) } : file;
    return { folder: frozen.folder, files: frozen.files.map(withHash) };
  }
}

/** CF2 */
function hashOf({ folder }: FrozenFolder, file: FrozenFile, hash: FollowingHash): Promise<Content> {
  const hashed = hash.result.then(
    ({ bytes, sha256, identity }) =>
      identity === file.identity ? { bytes, sha256 } : hashFile(join(folder, file.name)),
    () => hashFile(join(folder, file.name)),
  );
  hashed.catch(() => undefined); // It is waited for later, or not at all.
  return hashed;
}
