/** Bodies of the orders to workers: POST /v1/workers/{worker}/{verb}. */
import { z } from "zod";

export const workerOrderSchema = z.strictObject({
  reason: z.string().min(1).max(500).optional().describe("Shown with the worker"),
});
