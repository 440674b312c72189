/** GET /v1/fleet: what all workers together can take, and what waits for them. */
import { z } from "zod";
import { goodputSchema } from "./job.ts";
import { durationMs } from "./json.ts";
import { WORKER_STATES, type WorkerState } from "./worker.ts";

const slots = z.object({ total: z.int(), used: z.int() });

export const fleetSchema = z.object({
  workers: z
    .object({
      total: z.int(),
      byState: z.partialRecord(z.enum(Object.keys(WORKER_STATES) as [WorkerState, ...WorkerState[]]), z.int()),
    })
    .describe("Workers that are known, by their state"),
  slots: z.object({ online: slots, batch: slots }).describe("Of workers that are ready"),
  zones: z
    .array(
      z.object({
        zone: z.string().nullable(),
        workers: z.int(),
        mtbfMs: durationMs
          .nullable()
          .describe("Mean time between losses of a worker there; null: it was not counted yet"),
      }),
    )
    .describe("Live workers by zone"),
  queued: z.int().describe("Batch jobs that are ready and wait for a slot"),
  goodput: goodputSchema
    .extend({ fraction: z.number().nullable().describe("Useful, of the time that attempts held slots") })
    .describe("Where the time of all batch jobs went, of attempts that have ended"),
  mtbfMs: durationMs
    .nullable()
    .describe("Mean time between losses of a worker of the whole fleet; null: nobody has counted yet"),
  brake: z
    .object({ silent: z.int(), workers: z.int() })
    .nullable()
    .describe("So many of all workers are silent at once that their leases are taken one by one; null: not now"),
  tasks: z.int().describe("Tasks that are known"),
});
export type Fleet = z.infer<typeof fleetSchema>;
