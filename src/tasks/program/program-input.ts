/** What describes the input of a program: zod in TypeScript, JSON Schema in a file. */
import type { z } from "zod";

export interface JsonSchemaInput {
  readonly jsonSchema: Readonly<Record<string, unknown>>;
}

export type ProgramInput = z.ZodType | JsonSchemaInput;

export function isJsonSchemaInput(input: ProgramInput): input is JsonSchemaInput {
  return "jsonSchema" in input;
}
