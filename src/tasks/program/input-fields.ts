/** What the schema of a program's input says about its fields. */
import { z } from "zod";
import { isJsonSchemaInput, type ProgramInput } from "./program-input.ts";

type JsonSchema = Readonly<Record<string, unknown>>;

export class InputFields {
  readonly #schema: JsonSchema;

  constructor(input: ProgramInput) {
    this.#schema = isJsonSchemaInput(input)
      ? input.jsonSchema
      : z.toJSONSchema(input, { io: "input", unrepresentable: "any" });
  }

  /** May the input have a field of this name? */
  has(name: string): boolean {
    const { properties, additionalProperties } = this.#schema;
    if (!isObject(properties) || additionalProperties !== false) return true;
    return Object.hasOwn(properties, name);
  }

  /** May a caller send any text there? `path` as in `input.mesh.name`. False too where the schema does not tell. */
  isFreeText(path: string): boolean {
    const [, ...keys] = path.split(".");
    let schema: unknown = this.#schema;
    for (const key of keys) {
      if (!isObject(schema)) return false;
      const properties: unknown = schema["properties"];
      if (!isObject(properties) || !Object.hasOwn(properties, key)) return schema["$ref"] === undefined;
      schema = properties[key];
    }
    return isFree(schema);
  }
}

/** Words by which a schema of a text narrows it down, or by which it is not known here what it is. */
const NARROWING = ["enum", "const", "pattern", "format", "$ref", "allOf", "not", "if"];

function isFree(schema: unknown): boolean {
  if (schema === true) return true;
  if (!isObject(schema) || NARROWING.some((word) => word in schema)) return false;
  for (const any of [schema["anyOf"], schema["oneOf"]]) if (Array.isArray(any)) return any.some(isFree);
  const { type, items } = schema;
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  return types.some((one) => one === undefined || one === "string" || (one === "array" && isFree(items ?? true)));
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
