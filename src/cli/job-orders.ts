/**
 * What people asked of a job, who, when, and what became of it: told from its events. Pure.
 *
 * JO1 An order has come about with the first event that shows it; when the attempt ended in another way before, that is
 *     what became of it. What shows neither is still under way.
 */
import type { JobEventView } from "../contract/job.ts";
import { formatDuration } from "./format.ts";

export interface JobOrder {
  readonly at: string;
  /** Who asked; null: it was not noted. */
  readonly by: string | null;
  /** What was asked for, in words. */
  readonly order: string;
  /** What became of it, in words; null: nothing yet. */
  readonly effect: string | null;
  /** When that was. */
  readonly effectAt: string | null;
}

/** Kinds of orders whose effect is seen later. */
type Pending = "checkpoint" | "stop" | "cancel" | "migrate" | "run";

interface Open extends JobOrder {
  readonly waits: Pending | null;
}

/** @param events all of them, oldest first */
export function ordersOf(events: readonly JobEventView[]): JobOrder[] {
  const orders: Open[] = [];
  let seq: number | null = null;
  for (const event of events) {
    if (event.type === "checkpoint") seq = numberIn(event, "seq");
    for (const [at, order] of orders.entries()) {
      if (order.waits === null) continue;
      const effect = effectOf(order.waits, event, seq);
      if (effect === null) continue;
      const tookMs = Date.parse(event.at) - Date.parse(order.at);
      const effectText = `${effect} after ${formatDuration(tookMs)}`;
      orders[at] = { ...order, waits: null, effect: effectText, effectAt: event.at };
    }
    const order = orderIn(event);
    if (order !== null) orders.push(order);
  }
  return orders.map(({ waits: _waits, ...order }) => order);
}

function orderIn(event: JobEventView): Open | null {
  const by = textIn(event, "by");
  const later = (order: string, waits: Pending): Open => ({
    ...{ at: event.at, by, order, waits },
    ...{ effect: null, effectAt: null },
  });
  const done = (order: string, effect: string): Open => ({
    ...{ at: event.at, by, order, waits: null },
    ...{ effect, effectAt: event.at },
  });
  switch (event.type) {
    case "submitted":
      return by === null ? null : later("submit", "run");
    case "checkpoint_requested":
      return later("checkpoint", "checkpoint");
    case "stopping": {
      const intent = textIn(event, "intent");
      if (intent === "cancel") return later("cancel", "cancel");
      return intent === "stop" ? later("stop", "stop") : later("migrate", "migrate");
    }
    case "stopped":
      return by === null ? null : done("stop", "stopped at once");
    case "cancelled":
      return by === null ? null : done("cancel", "cancelled at once");
    case "resumed":
      return later("resume", "run");
    case "retried": {
      const from = textIn(event, "from") ?? numberIn(event, "from") ?? "last";
      const where = from === "start" ? " from the start" : from === "last" ? "" : ` from checkpoint ${from}`;
      return later(`retry${where}`, "run");
    }
    case "changed":
      return done(changeIn(event), "changed at once");
    case "forked":
      return done("fork", `made ${textIn(event, "fork") ?? "a job"}`);
    default:
      return null;
  }
}

function changeIn(event: JobEventView): string {
  const priority = numberIn(event, "priority");
  const labels = event.data["labels"];
  const parts = [
    ...(priority === null ? [] : [`priority ${priority}`]),
    ...(labels === undefined ? [] : [`labels ${JSON.stringify(labels)}`]),
  ];
  return parts.length === 0 ? "change" : `change to ${parts.join(", ")}`;
}

const ENDS: readonly string[] = ["succeeded", "failed", "cancelled", "expired"];

/** JO1 */
function effectOf(waits: Pending, event: JobEventView, seq: number | null): string | null {
  const { type } = event;
  const kept = seq === null ? "" : ` at checkpoint ${seq}`;
  switch (waits) {
    case "checkpoint":
      if (type === "checkpoint") return `checkpoint ${numberIn(event, "seq") ?? ""} made`;
      return ENDS.includes(type) || type === "requeued" || type === "stopped" || type === "retry_scheduled"
        ? `none: the attempt ended first (${type.replaceAll("_", " ")})`
        : null;
    case "stop":
      if (type === "stopped") return `stopped${kept}`;
      if (type === "stopping") return "overtaken by a cancel";
      return ENDS.includes(type) ? `${type} first` : null;
    case "cancel":
      return ENDS.includes(type) ? (type === "cancelled" ? "cancelled" : `${type} first`) : null;
    case "migrate":
      if (type === "stopping") return `overtaken by a ${textIn(event, "intent") ?? "stop"}`;
      return runningAgain(event) ?? (ENDS.includes(type) ? `${type} first` : null);
    case "run":
      if (type === "stopped") return "stopped before it ran";
      return runningAgain(event) ?? (ENDS.includes(type) ? type : null);
  }
}

function runningAgain(event: JobEventView): string | null {
  if (event.type !== "leased") return null;
  const from = numberIn(event, "fromCheckpoint");
  const where = textIn(event, "worker");
  return `running${where === null ? "" : ` on ${where}`}${from === null ? "" : ` from checkpoint ${from}`}`;
}

function textIn({ data }: JobEventView, field: string): string | null {
  const value = data[field];
  return typeof value === "string" && value !== "" ? value : null;
}

function numberIn({ data }: JobEventView, field: string): number | null {
  const value = data[field];
  return typeof value === "number" ? value : null;
}
