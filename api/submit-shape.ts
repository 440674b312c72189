/** What this version takes of a submission; the rest of the design's shape is refused by name. */
import { bulkItemSchema, submitSchema } from "../src/contract/job.ts";

export const acceptedSubmitSchema = submitSchema.omit({ webhook: true });
export const acceptedItemSchema = bulkItemSchema.omit({ webhook: true });
export const NOT_YET = ["webhook", "array"] as const;
