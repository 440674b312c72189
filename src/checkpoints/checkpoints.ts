/** The face of this folder: what the other parts use of it. */
import { fileURLToPath } from "node:url";
import { isAbsolute } from "node:path";
import { FilesystemStore } from "./filesystem-store.ts";
import { HttpStore } from "./http-store.ts";
import { parseS3Url } from "./s3-address.ts";
import { S3Store } from "./s3-store.ts";
import { NO_STORE_ACCESS, type StoreAccess } from "./store-access.ts";
import type { CheckpointStore } from "./store.ts";

export { CopyFollower } from "./copy-follower.ts";
export {
  freezeFiles,
  handedOver,
  stillFrozen,
  type CopyBegun,
  type FileToFreeze,
  type FreezeOptions,
  type Freezing,
  type FrozenFile,
  type FrozenFolder,
} from "./freeze-files.ts";
export { folderAnswers } from "./folder-probe.ts";
export { CheckpointGarbage } from "./garbage.ts";
export { hashFile, type Content } from "./hashing-copy.ts";
export { demandIdentity, makeIdentity, readIdentity } from "./identity.ts";
export {
  byFence,
  jobsIn,
  readTraces,
  writeAttempt,
  writeMark,
  writeSubmission,
  type AttemptTrace,
  type JobTraces,
  type MarkTrace,
} from "./job-traces.ts";
export {
  latestCheckpoint,
  type CheckpointPointer,
  type FindPointer,
  type StoredCheckpointView,
} from "./latest-checkpoint.ts";
export { readLog, type LogPart } from "./log-reader.ts";
export { LogWriter, type LogWriterOptions } from "./log-writer.ts";
export { decodeManifest, type Manifest, type ManifestFile } from "./manifest.ts";
export * as storeNames from "./names.ts";
export { readOutcome, settleOutcome, type Outcome, type StandingOutcome } from "./outcome.ts";
export {
  CheckpointAbsent,
  CheckpointDamaged,
  openCheckpoint,
  OpenedCheckpoint,
  type Opening,
} from "./read-checkpoint.ts";
export {
  StoreFault,
  type AnnouncedPieces,
  type CheckpointStore,
  type CreateOutcome,
  type NamedOptions,
  type NamedOutcome,
  type NameOf,
  type Source,
  type StoredEntry,
} from "./store.ts";
export {
  NO_STORE_ACCESS,
  storeAccessFrom,
  type S3Credentials,
  type StoreAccess,
  type StoreAccessSettings,
} from "./store-access.ts";
export { successorOf } from "./succession.ts";
export { isDiskFailure, isNoRoom, isSystemError } from "./system-error.ts";
export * as storeProtocol from "./store-protocol.ts";
export { writeCheckpoint, type CheckpointDraft, type WrittenCheckpoint } from "./write-checkpoint.ts";

/** The folder of a store in a folder; null: it is another kind of store. */
export function storeFolder(url: string): string | null {
  if (!url.startsWith("file:")) return null;
  return url.startsWith("file://") ? fileURLToPath(url) : url.slice("file:".length);
}

/**
 * Opens the checkpoint store at `url`. Nothing is asked of it yet.
 * - `file:<absolute folder>`: a folder, made when something is first written to it
 * - `s3://bucket/prefix?region=…&endpoint=…&style=path|virtual`: Amazon S3, or a server that speaks its protocol
 * - `http://host:port`, `https://…`: a `cairn store`
 *
 * @throws TypeError when the URL names no kind of store that there is, or holds credentials
 */
export function openStore(url: string, access: StoreAccess = NO_STORE_ACCESS): CheckpointStore {
  if (url.startsWith("s3:")) {
    const { s3: credentials, sdk: environment = {} } = access;
    return new S3Store({ url, address: parseS3Url(url), credentials, environment });
  }
  if (/^https?:/.test(url)) return new HttpStore(url, { token: access.token });
  const folder = storeFolder(url);
  if (folder !== null && isAbsolute(folder)) return new FilesystemStore(folder);
  throw new TypeError(
    `"${url}" is no checkpoint store; a store is file:<absolute folder>, s3://bucket/prefix or http://host:port`,
  );
}
