/** What this version takes of a submission; the rest of the design's shape is refused by name. */
import { z } from "zod";
import { arraySpecSchema } from "../src/contract/array.ts";
import { anyJson } from "../src/contract/json.ts";
import { bulkItemSchema, submitSchema } from "../src/contract/job.ts";

export const acceptedItemSchema = bulkItemSchema.omit({ webhook: true });
export const acceptedSubmitSchema = submitSchema.omit({ webhook: true });
/** POST /v1/jobs takes an array too; then the input may be left out. */
export const acceptedSubmissionSchema = acceptedSubmitSchema
  .extend({
    input: anyJson.optional().describe("Must fit the task's schema, see GET /v1/tasks/{task}"),
    array: arraySpecSchema.optional(),
  })
  .refine(({ input, array }) => input !== undefined || (array !== undefined && "inputs" in array), {
    path: ["input"],
    message: "is required",
  });
export type AcceptedSubmission = z.output<typeof acceptedSubmissionSchema>;
export const NOT_YET = ["webhook"] as const;
