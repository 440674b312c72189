/**
 * The input of a task as JSON Schema, for programs that are defined in a file; defined in TypeScript they have zod.
 *
 * IS1 A schema with a keyword that does not exist is refused: a mistyped one would let everything through.
 * IS2 Defaults are filled in, as zod does it.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { z } from "zod";
import { isJsonSchemaInput, type ProgramInput } from "./program-input.ts";

export type ParsedInput =
  { readonly kind: "ok"; readonly value: unknown } | { readonly kind: "refused"; readonly detail: string };

/** @returns what is wrong with the schema itself; null when nothing is (IS1) */
export function schemaFault(schema: Readonly<Record<string, unknown>>): string | null {
  try {
    compile(schema);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Checks an input and fills in defaults (IS2). */
export function parseProgramInput(input: ProgramInput, value: unknown): ParsedInput {
  if (!isJsonSchemaInput(input)) {
    const parsed = input.safeParse(value);
    return parsed.success
      ? { kind: "ok", value: parsed.data }
      : { kind: "refused", detail: z.prettifyError(parsed.error) };
  }
  const validate = compile(input.jsonSchema);
  const copy = structuredClone(value);
  return validate(copy) ? { kind: "ok", value: copy } : { kind: "refused", detail: told(validate.errors ?? []) };
}

function compile(schema: Readonly<Record<string, unknown>>): ValidateFunction {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, validateFormats: false, useDefaults: true, allErrors: true }); // prettier-ignore
  return ajv.compile(schema);
}

function told(errors: readonly ErrorObject[]): string {
  return errors
    .slice(0, 20)
    .map(({ instancePath, message, params }) => {
      const extra = (params as Readonly<Record<string, unknown>>)["additionalProperty"];
      return `input${instancePath.replaceAll("/", ".")} ${message ?? "is wrong"}${typeof extra === "string" ? ` (${extra})` : ""}`;
    })
    .join("; ");
}
