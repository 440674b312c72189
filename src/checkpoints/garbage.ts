/**
 * Deletes the checkpoints of a job that nothing refers to any more.
 *
 * What is garbage was decided by the commit script, under the fence; here it is only carried out, by the attempt that
 * made the commit.
 *
 * G1 An object goes only if no manifest that is kept names it. While one of those cannot be read, nothing goes.
 * G2 What an older attempt stored and the record does not know can never be committed any more, and by A2 no newer
 *    attempt writes under such a name: once a newer attempt has committed, it may go.
 */
import type { Fence } from "../domain/fence.ts";
import type { FaultPoints } from "../runtime/fault-points.ts";
import { isOlderThan, manifestFolder, objectFolder } from "./names.ts";
import { openCheckpoint } from "./read-checkpoint.ts";
import type { CheckpointStore } from "./store.ts";

export class CheckpointGarbage {
  readonly #store: CheckpointStore;
  readonly #job: string;
  readonly #fence: Fence;
  readonly #faults: FaultPoints;
  /** Objects by manifest. Every manifest is read once, not at every commit. */
  #objects = new Map<string, readonly string[]>();
  /** What could not be deleted when it was due (G1). */
  #left: readonly string[] = [];
  #sweptOlder = false;

  constructor(store: CheckpointStore, job: string, fence: Fence, faults: FaultPoints) {
    this.#store = store;
    this.#job = job;
    this.#fence = fence;
    this.#faults = faults;
  }

  /**
   * Carries out what a commit said.
   *
   * @param garbage manifests to delete, with the objects that nothing in `kept` names
   * @param kept all other manifests that the record knows, those that are to go later included
   * @returns how many names were deleted
   * @throws StoreFault; what was not deleted is deleted after a later commit
   */
  async collect(garbage: readonly string[], kept: readonly string[]): Promise<number> {
    this.#left = [...this.#left, ...garbage];
    const needed = await this.#needed(kept);
    if (needed === null) return 0;
    let deleted = 0;
    for (const manifest of this.#left) {
      const objects = (await this.#objectsOf(manifest)) ?? [];
      // The manifest last: if this is interrupted, it still tells what there is to delete.
      for (const name of [...objects.filter((object) => !needed.has(object)), manifest]) {
        this.#faults.reach(name === manifest ? "garbage.before-manifest" : "garbage.before-object");
        await this.#store.delete(name);
        deleted += 1;
      }
      this.#faults.reach("garbage.after-manifest");
      this.#left = this.#left.filter((other) => other !== manifest);
    }
    this.#objects = new Map([...this.#objects].filter(([manifest]) => needed.has(manifest)));
    if (!this.#sweptOlder) deleted += await this.#sweepOlder(needed);
    return deleted;
  }

  /** G2. Once for an attempt: after that there is nothing older left. */
  async #sweepOlder(needed: ReadonlySet<string>): Promise<number> {
    let deleted = 0;
    for (const folder of [manifestFolder(this.#job), objectFolder(this.#job)]) {
      for await (const name of this.#store.list(folder)) {
        if (needed.has(name) || !isOlderThan(name, this.#fence)) continue;
        this.#faults.reach("garbage.before-older");
        await this.#store.delete(name);
        deleted += 1;
      }
    }
    this.#sweptOlder = true;
    return deleted;
  }

  /** The manifests and all objects that they name; null if one of them cannot be read. */
  async #needed(manifests: readonly string[]): Promise<Set<string> | null> {
    const needed = new Set(manifests);
    for (const manifest of manifests) {
      const objects = await this.#objectsOf(manifest);
      if (objects === null) return null;
      for (const object of objects) needed.add(object);
    }
    return needed;
  }

  async #objectsOf(manifest: string): Promise<readonly string[] | null> {
    const known = this.#objects.get(manifest);
    if (known !== undefined) return known;
    const opening = await openCheckpoint(this.#store, manifest, null);
    if (opening.kind !== "ok") return null;
    const objects = opening.checkpoint.manifest.files.map((file) => file.object);
    this.#objects.set(manifest, objects);
    return objects;
  }
}
