/**
 * Checks inputs against the JSON Schemas that workers registered, with ajv, compiled once per definition.
 *
 * V1 While two versions of a task are live, an input is good if one of them takes it, and goes to those that do.
 * V2 On success nothing is built: the list of errors is made by a second validator, only when the first says no, and
 *    only for inputs of a size whose errors can be listed without holding the event loop.
 * V3 A schema that cannot be compiled takes everything here: the worker parses the input again with its own schema.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { Json } from "../src/contract/json.ts";
import type { FieldError } from "../src/contract/problem.ts";
import type { TaskInfo } from "../src/contract/worker.ts";
import type { Logger } from "../src/runtime/logger.ts";
import { appendPointer } from "./json-pointer.ts";

/** Definitions kept compiled: more than any fleet has at a time. */
const KEPT = 1_000;
const MAX_ERRORS = 20;
/** V2: text of an input whose errors are all listed. */
const LISTED_BYTES = 65_536;

interface Checker {
  readonly check: ValidateFunction;
  explain: ValidateFunction | null;
  readonly schema: TaskInfo["input"];
}

export class InputSchemas {
  readonly #logger: Logger;
  readonly #fast = new Ajv2020({ strict: false, validateFormats: false, logger: false, addUsedSchema: false });
  readonly #full = new Ajv2020({
    strict: false,
    validateFormats: false,
    logger: false,
    addUsedSchema: false,
    allErrors: true,
  });
  readonly #checkers = new Map<string, Checker | null>();

  constructor(options: { readonly logger: Logger }) {
    this.#logger = options.logger;
  }

  /** V1: those of `definitions` that take the input; in most cases the very same list. */
  accepting(definitions: readonly TaskInfo[], input: Json): readonly TaskInfo[] {
    const [only] = definitions;
    if (definitions.length === 1 && only !== undefined) return this.#accepts(only, input) ? definitions : [];
    return definitions.filter((task) => this.#accepts(task, input));
  }

  /**
   * Why `task` does not take the input.
   * @param pointer where in the body the input stands
   * @param bytes size of the input's text (V2)
   */
  explain(task: TaskInfo, input: Json, pointer: string, bytes: number): FieldError[] {
    const checker = this.#checker(task);
    if (checker === null) return [];
    let { check } = checker;
    if (bytes <= LISTED_BYTES) check = checker.explain ??= this.#full.compile(checker.schema);
    check(input);
    return (check.errors ?? []).slice(0, MAX_ERRORS).map((error) => toFieldError(error, pointer));
  }

  #accepts(task: TaskInfo, input: Json): boolean {
    const checker = this.#checker(task);
    return checker === null || checker.check(input);
  }

  #checker(task: TaskInfo): Checker | null {
    const key = task.definition;
    const known = this.#checkers.get(key);
    if (known !== undefined) return known;
    let made: Checker | null = null;
    try {
      made = { check: this.#fast.compile(task.input), explain: null, schema: task.input };
    } catch (error) {
      this.#logger.warn({ err: error, task: task.name, definition: key }, "input schema cannot be compiled"); // V3
    }
    const [oldest] = this.#checkers.keys();
    if (this.#checkers.size >= KEPT && oldest !== undefined) this.#checkers.delete(oldest);
    this.#checkers.set(key, made);
    return made;
  }
}

function toFieldError(error: ErrorObject, base: string): FieldError {
  const params = error.params as Readonly<Record<string, unknown>>;
  const named = params["missingProperty"] ?? params["additionalProperty"] ?? params["unevaluatedProperty"];
  const place = `${base}${error.instancePath}`;
  const pointer = typeof named === "string" ? appendPointer(place, named) : place;
  return { pointer, detail: wordsOf(error, params) };
}

function wordsOf(error: ErrorObject, params: Readonly<Record<string, unknown>>): string {
  switch (error.keyword) {
    case "required":
      return "is required";
    case "additionalProperties":
    case "unevaluatedProperties":
      return "is not a known key";
    case "enum":
      return `must be one of ${JSON.stringify(params["allowedValues"])}`;
    case "const":
      return `must be ${JSON.stringify(params["allowedValue"])}`;
    default:
      return error.message ?? `breaks "${error.keyword}"`;
  }
}
