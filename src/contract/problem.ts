/** Errors on the wire: RFC 9457 `application/problem+json`. */
import { z } from "zod";
import { ERROR_CODES, type ErrorCode } from "../domain/error-code.ts";

export const problemSchema = z
  .looseObject({
    type: z.string().describe("/problems/<code>, served by the API"),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string(),
    hint: z.string().describe("What to do next"),
    instance: z.string().optional(),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional().describe("JSON Pointer into the body"),
          parameter: z.string().optional().describe("Name of the path or query parameter"),
          header: z.string().optional().describe("Name of the header"),
          detail: z.string(),
        }),
      )
      .optional()
      .describe("What is wrong, field by field"),
    requestId: z.string().optional().describe("Stands in the server's log too"),
  })
  .describe("RFC 9457");

export type Problem = z.infer<typeof problemSchema>;
export type FieldError = NonNullable<Problem["errors"]>[number];

/** GET /problems/{code}: what a code means. */
export const problemKindSchema = z.object({
  code: z.string(),
  type: z.string(),
  status: z.int().describe("Usual HTTP status"),
  title: z.string(),
  hint: z.string().describe("What to do next"),
  retryable: z.boolean().describe("May the very same call succeed later?"),
});
export const problemKindListSchema = z.object({ items: z.array(problemKindSchema), nextCursor: z.null() });

/** Makes the problem for `code`; `extra` adds members, `status` overrides the table's for the few codes with two. */
export function problem(code: ErrorCode, detail: string, extra: Partial<Problem> = {}): Problem {
  const { status, title, hint } = ERROR_CODES[code];
  return { type: `/problems/${code}`, title, status, code, detail, hint, ...extra };
}
