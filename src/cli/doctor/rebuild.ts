/**
 * `cairn doctor --rebuild`: Redis was lost altogether, and the checkpoint store was not. The one command that reads the
 * store through; all others believe the records.
 */
import {
  findLostJobs,
  FleetStore,
  ForeignStore,
  loadBatchScripts,
  rebuildJob,
  settleGeneration,
  standsOnAnother,
  TicketQueues,
  type Found,
  type RebuiltJob,
} from "../../batch/batch.ts";
import { openStore, type StoreAccess } from "../../checkpoints/checkpoints.ts";
import { closeRedis, connectRedis, whenReady, type RedisClient } from "../../redis/connection.ts";
import { createKeys } from "../../redis/keys.ts";
import { EXIT } from "../exit-code.ts";
import { formatBytes } from "../format.ts";
import { writeJson, writeTable, type Form } from "../output.ts";
import type { Session } from "../session.ts";

const READY_MS = 3_000;
const COMMAND_TIMEOUT_MS = 10_000;

export interface RebuildRequest {
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly storeUrl: string;
  readonly access: StoreAccess;
  /** `look`: say what would be done. */
  readonly mode: "look" | "apply";
  readonly form: Form;
}

interface Row {
  readonly id: string;
  readonly task: string | null;
  readonly found: "lost" | "rebuilt" | "live" | "hopeless";
  readonly state: string | null;
  readonly checkpoint: number | null;
  readonly bytes: number | null;
  readonly note: string | null;
}

/** @returns the exit code @throws what Redis or the store say */
export async function rebuild(session: Session, request: RebuildRequest): Promise<number> {
  const { redisUrl, redisPrefix, storeUrl, access, mode, form } = request;
  const store = openStore(storeUrl, access);
  const redis = connectRedis(redisUrl, { kind: "command", commandTimeoutMs: COMMAND_TIMEOUT_MS }, "doctor");
  const bull = connectRedis(redisUrl, { kind: "bullmq" }, "doctor:bull");
  const keys = createKeys(redisPrefix);
  const tickets = new TicketQueues({ bull, redis, keys });
  const rows: Row[] = [];
  try {
    await whenReady(redis, redisUrl, READY_MS);
    const standing = await new FleetStore({ redis, keys, store, who: "cairn doctor" }).look();
    if (standing.kind === "another") throw new ForeignStore(`${standing.sentence} ${standing.advice}`);
    // Before the first record (RB2), and only if there is one to make.
    let settled: Promise<number> | null = null;
    const make = async (job: RebuiltJob): Promise<void> => {
      settled ??= settleGeneration(redis, keys, store);
      await settled;
      const made = await rebuildJob(job, { redis, keys, store, tickets, scripts: loadBatchScripts() });
      rows.push(made === "made" ? rebuiltRow(job, "rebuilt") : rowOf({ kind: "live", id: job.id }));
    };
    const later: RebuiltJob[] = [];
    for await (const found of findLostJobs({ redis, keys, store })) {
      if (mode === "look" || found.kind !== "rebuildable") rows.push(rowOf(found));
      else if (standsOnAnother(found.job))
        await make(found.job); // RB5
      else later.push(found.job);
    }
    for (const job of later) await make(job);
    rows.sort((a, b) => (a.id < b.id ? -1 : 1));
  } finally {
    await tickets.close().catch(() => undefined);
    for (const client of [redis, bull] satisfies RedisClient[]) closeRedis(client);
  }
  if (form === "json") await writeJson(session, { items: rows });
  else await writeTable(session, COLUMNS, rows, form);
  const count = (kind: Row["found"]): number => rows.filter(({ found }) => found === kind).length;
  session.say(
    mode === "apply"
      ? `${count("rebuilt")} rebuilt, ${count("live")} had a record and were left alone, ${count("hopeless")} cannot be rebuilt.`
      : `${count("lost")} would be rebuilt, ${count("live")} have a record, ${count("hopeless")} cannot be rebuilt. Nothing was changed: add --apply to do it.`,
  );
  return EXIT.ok;
}

function rowOf(found: Found): Row {
  const none = { task: null, state: null, checkpoint: null, bytes: null, note: null };
  switch (found.kind) {
    case "rebuildable":
      return rebuiltRow(found.job, "lost");
    case "live":
      return { ...none, id: found.id, found: "live" };
    case "hopeless":
      return { ...none, id: found.id, found: "hopeless", note: found.why };
  }
}

function rebuiltRow({ id, task, state, reason, lineage }: RebuiltJob, found: "lost" | "rebuilt"): Row {
  const [newest] = lineage;
  return { id, task, found, state, checkpoint: newest?.seq ?? null, bytes: newest?.bytes ?? null, note: reason };
}

const COLUMNS = [
  { title: "JOB", cell: (row: Row) => row.id },
  { title: "FOUND", cell: (row: Row) => row.found },
  { title: "TASK", cell: (row: Row) => row.task },
  { title: "STATE", cell: (row: Row) => row.state },
  { title: "CHECKPOINT", cell: (row: Row) => row.checkpoint, align: "right" },
  { title: "SIZE", cell: (row: Row) => (row.bytes === null ? null : formatBytes(row.bytes)), align: "right" },
  { title: "NOTE", cell: (row: Row) => row.note },
] as const;
