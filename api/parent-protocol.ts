/**
 * What the parent of an API and its serving processes say to each other over IPC.
 *
 * The parent owns the listening socket; a connection goes to a serving process together with its `connection` message.
 */
import type { MetricsSnapshot } from "./metrics-gather.ts";

export type ToServing =
  | { readonly kind: "connection"; readonly id: number }
  /** The whole API is leaving: `/readyz` refuses from now on, and every answer closes its connection. */
  | { readonly kind: "drain" }
  /** No connection comes any more: close each with its next answer, end what is under way, and exit. */
  | { readonly kind: "stop" }
  | { readonly kind: "metrics_wanted"; readonly id: number }
  | { readonly kind: "metrics_of_others"; readonly id: number; readonly snapshots: readonly MetricsSnapshot[] };

export type FromServing =
  | { readonly kind: "ready" }
  /** The connection has come; said before anything is read from it. */
  | { readonly kind: "taken"; readonly id: number }
  /** Its checkpoint store is not the fleet's, which no other process with the same settings will find otherwise: it ends. */
  | { readonly kind: "foreign_store"; readonly message: string }
  | { readonly kind: "metrics"; readonly id: number; readonly snapshot: MetricsSnapshot }
  | { readonly kind: "others_wanted"; readonly id: number };
