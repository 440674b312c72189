/**
 * Files that stand in for artifacts of other jobs, of which there are none here: by the name of the artifact, or by
 * `job/name` where two jobs have one of the same name.
 */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type CheckpointStore, storeNames } from "../../src/checkpoints/checkpoints.ts";
import type { KeeperReply } from "../keeper/protocol.ts";

export class LocalArtifacts {
  readonly #files: ReadonlyMap<string, string>;

  private constructor(files: ReadonlyMap<string, string>) {
    this.#files = files;
  }

  /** @param given `name=file` or `job/name=file` each. @throws Error when one is of another form, or there is no such file */
  static async from(given: readonly string[]): Promise<LocalArtifacts> {
    const files = new Map<string, string>();
    for (const text of given) {
      const [, what = "", path = ""] = /^([^=]+)=(.+)$/.exec(text) ?? [];
      if (!storeNames.isArtifactName(what.slice(what.lastIndexOf("/") + 1))) {
        throw new Error(
          `--artifact ${text}: must be like mesh.dat=./some/file, with the name of the artifact in front`,
        );
      }
      const found = await stat(path).catch(() => null);
      if (found?.isFile() !== true) throw new Error(`--artifact ${text}: there is no file ${resolve(path)}`);
      files.set(what, path);
    }
    return new LocalArtifacts(files);
  }

  /** What an agent would answer a keeper that looks for an artifact; the file lies in `store` by then. @throws StoreFault */
  async find(store: CheckpointStore, job: string, name: string): Promise<KeeperReply> {
    const file = this.#files.get(`${job}/${name}`) ?? this.#files.get(name);
    // Whatever an input takes for the id of a job: here it has to be no more than a name.
    if (file === undefined || !storeNames.isName(job)) {
      return { kind: "ok", artifact: null, publisher: { kind: "simulated" } };
    }
    const { sha256, bytes } = await store.createNamed(file, (content) =>
      storeNames.artifactName(job, name, content.sha256),
    );
    return { kind: "ok", artifact: { sha256, bytes } };
  }
}
