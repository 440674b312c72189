/** What this version takes of a submission; the rest of the design's shape is refused by name. */
import { submitSchema } from "../src/contract/job.ts";

export const acceptedSubmitSchema = submitSchema.omit({ dependsOn: true, webhook: true });
export const NOT_YET = ["dependsOn", "webhook", "array"] as const;
