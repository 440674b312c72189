/**
 * What a worker tells the fleet about a task: its name, its JSON Schemas and what its definition promises.
 *
 * D1 What has no JSON Schema is refused here, when the worker starts, and not when the first input arrives.
 * D2 Two definitions that promise the same have the same hash, whichever worker made it.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { jsonSchema, type TaskInfo } from "../contract/worker.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { Task } from "./define.ts";
import { isJsonSchemaInput, type ProgramInput } from "./program/program-input.ts";

/**
 * Describes a task for the registry.
 *
 * @throws TypeError naming task, field and reason, when a schema cannot be written as JSON Schema (D1)
 */
export function describeTask(task: Task): TaskInfo {
  const info = {
    name: task.name,
    class: task.class,
    description: task.description,
    input: toJsonSchema(task.name, "input", task.input),
    output: task.output === null ? null : toJsonSchema(task.name, "output", task.output),
    idempotent: task.class === "online" ? task.idempotent : null,
    deadlineMs: task.class === "online" ? task.deadlineMs : null,
    concurrency: task.class === "online" ? task.concurrency : null,
    checkpointVersion: task.class === "batch" ? task.checkpoint.version : null,
    effects: task.class === "batch" ? task.effects : null,
    maxRetries: task.class === "batch" ? task.maxRetries : null,
    keep: task.class === "batch" ? task.checkpoint.keep : null,
    interval:
      task.class === "batch"
        ? { everyMs: task.checkpoint.intervalMs, minMs: task.checkpoint.minMs, maxMs: task.checkpoint.maxMs }
        : null,
    backoff: task.class === "batch" ? task.backoff : null,
  };
  // D2
  return { ...info, definition: createHash("sha256").update(canonicalJson(info)).digest("hex").slice(0, 16) };
}

function toJsonSchema(
  task: string,
  io: "input" | "output",
  schema: ProgramInput,
): Record<string, z.core.util.JSONType> {
  const refuse = (path: readonly (string | number)[], reason: string): never => {
    throw new TypeError(`task "${task}": ${fieldName(io, path)}: ${reason}`);
  };
  if (typeof schema === "object" && isJsonSchemaInput(schema)) return jsonSchema.parse(schema.jsonSchema);
  if (typeof schema !== "object" || !("_zod" in schema)) return refuse([], "is not a zod 4 schema");
  let made: unknown;
  try {
    // `io: "input"`: by default fields with a default would be required of the caller.
    made = z.toJSONSchema(schema, { io, unrepresentable: ({ path, message }) => refuse(path, message) });
  } catch (error) {
    if (error instanceof TypeError) throw error;
    return refuse([], error instanceof Error ? error.message : String(error));
  }
  // Through text, because zod adds members that are not data.
  return jsonSchema.parse(JSON.parse(JSON.stringify(made)));
}

/** `["properties", "days", "anyOf", 0]` → `input.days.anyOf[0]`. */
function fieldName(io: string, path: readonly (string | number)[]): string {
  let text = io;
  let named = false; // The part after `properties` is a field's name, even if that is `properties` too.
  for (const part of path) {
    if (part === "properties" && !named) {
      named = true;
    } else {
      text += typeof part === "number" ? `[${part}]` : `.${part}`;
      named = false;
    }
  }
  return text;
}
