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
      .array(z.object({ pointer: z.string().describe("JSON Pointer into the body"), detail: z.string() }))
      .optional(),
  })
  .describe("RFC 9457");

export type Problem = z.infer<typeof problemSchema>;

/** Makes the problem for `code`; `extra` adds members, `status` overrides the table's for the few codes with two. */
export function problem(code: ErrorCode, detail: string, extra: Partial<Problem> = {}): Problem {
  const { status, title, hint } = ERROR_CODES[code];
  return { type: `/problems/${code}`, title, status, code, detail, hint, ...extra };
}
