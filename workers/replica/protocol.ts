/**
 * What agent and replica say to each other over the IPC channel.
 *
 * RP1 A replica whose channel closes finishes nothing: it exits, the callers' API processes repeat elsewhere.
 * RP2 After `drain` a replica takes nothing new, finishes or hands back what it has, says `drained` and exits 0.
 * RP3 A replica says something at least once a second while its event loop turns; its agent takes silence for a sign
 *     that it does not.
 */
import type { StoreAccess } from "../../src/checkpoints/checkpoints.ts";

/** All a replica needs to know to serve. */
export interface ReplicaAssignment {
  readonly workerId: string;
  readonly replicaId: string;
  readonly zone: string | null;
  readonly redisUrl: string;
  /** Where jobs and their checkpoints are recorded: for handlers that read another job's latest checkpoint. */
  readonly batchRedisUrl: string;
  readonly redisPrefix: string;
  readonly storeUrl: string;
  readonly storeAccess: StoreAccess;
  /** Modules to load tasks from, bundled already. */
  readonly taskModules: readonly string[];
  readonly builtins: "on" | "off";
  /** Online requests at the same time in this replica, over all its tasks. */
  readonly slots: number;
  readonly logLevel: string;
  readonly faults: string;
}

export type ToReplica =
  { readonly kind: "assignment"; readonly assignment: ReplicaAssignment } | { readonly kind: "drain" };

export type FromReplica =
  | { readonly kind: "ready"; readonly replicaId: string }
  /** About once a second, and when it changes from or to 0. */
  | { readonly kind: "status"; readonly running: number }
  /** An API process has found, by canaries, that it takes or answers nothing: it is to be replaced. */
  | { readonly kind: "unfit"; readonly why: string }
  | { readonly kind: "drained" };
