/** What a write for an attempt came to, as its keeper is told by its agent. */
import type { CheckpointPointer } from "../checkpoints/checkpoints.ts";
import type { Publisher } from "../domain/artifact-absence.ts";
import type { ParentResult } from "./parents.ts";

/** Outcome of a fenced write. `unreachable`: not known; ask again. */
export type FencedReply =
  | {
      readonly kind: "ok";
      /** After a commit: manifests that nothing refers to any more; the keeper deletes them and what only they name. */
      readonly garbage?: readonly string[];
      /** After a commit: all manifests whose objects must stay. */
      readonly kept?: readonly string[];
      /** After a commit: versions of artifacts that newer ones have replaced, `name/sha256`; the keeper deletes them. */
      readonly oldArtifacts?: readonly string[];
      /** After `verify` with a fault: that failure would be the job's end. */
      readonly final?: boolean;
      /** After `set_aside`: it was not, since another worker may find what is absent here. */
      readonly elsewhere?: boolean;
      /** After `latest`; null: it has none. */
      readonly latest?: CheckpointPointer | null;
      /** After `parents`. */
      readonly parents?: readonly ParentResult[];
      /** After `artifact`; null: the job has committed none of that name. */
      readonly artifact?: { readonly sha256: string; readonly bytes: number } | null;
      /** After `artifact`, when it is null: who has not. */
      readonly publisher?: Publisher;
    }
  /** The fence is not the record's (any more): stop, publish nothing. */
  | { readonly kind: "refused"; readonly detail: string }
  /** Redis could not be asked; ask again after a while, or be abandoned. */
  | { readonly kind: "unreachable"; readonly detail: string };
