/** The input of a task from the command line: JSON as an argument, a file with `-f`, or standard input with `-`. */
import { readFileSync } from "node:fs";
import type { Json } from "../contract/json.ts";
import { value } from "./command.ts";
import type { Session } from "./session.ts";
import { UsageError } from "./usage-error.ts";
import { readText } from "./values.ts";

export const inputArgument = {
  name: "input",
  meaning: "the input as JSON, or - for standard input",
  count: "optional",
} as const;
export const fileOption = value("file", "read the input from a file, - for standard input", readText, { short: "f" });

/** @throws UsageError when there is none, two, or what is there is not JSON */
export async function readInput(
  session: Session,
  argument: string | undefined,
  file: string | undefined,
): Promise<Json> {
  if (argument !== undefined && file !== undefined) {
    throw new UsageError("There are two inputs: give JSON as an argument or a file with -f, not both");
  }
  const source = argument ?? file;
  if (source === undefined) {
    throw new UsageError(
      `There is no input: give JSON as an argument ('{"steps":10}'), a file with -f, or - for standard input`,
    );
  }
  if (source === "-") return parse(await session.readStdin(), "standard input");
  if (argument !== undefined) return parse(argument, "the input");
  try {
    return parse(readFileSync(source, "utf8"), source);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${source} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parse(text: string, where: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    // What a shell leaves of {"a":1} without quotes around it.
    const quotes = /^\{[a-z_]+:/i.test(text) ? `; put it into single quotes: '{"steps":3}'` : "";
    throw new UsageError(`${where} is not JSON (${error instanceof Error ? error.message : ""}): ${shown}${quotes}`);
  }
}
