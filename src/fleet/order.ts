/** What an operator wants of a worker. It stands until another takes its place, and rides on the answer to each beat. */
import { z } from "zod";

export const orderSchema = z.object({
  want: z.enum(["ready", "cordoned", "draining", "quarantined"]),
  reason: z.string(),
  by: z.string(),
});
export type Order = z.infer<typeof orderSchema>;

/** Reads an order; null when there is none, or it cannot be read. */
export function readOrder(text: string): Order | null {
  if (text === "") return null;
  try {
    return orderSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
