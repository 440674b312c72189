/**
 * Text of a request to a JSON value, or the problem.
 *
 * J1 Only UTF-8: other bytes would be replaced silently, and the task would get something else than was sent.
 * J2 Nesting is bounded: what walks the value later (validation, JSON.stringify) is recursive.
 * J3 No key `__proto__`, and no `constructor` that holds a `prototype`: whatever merges the value later must not
 *    change the objects of the whole process.
 */
import { isUtf8 } from "node:buffer";
import type { Json } from "../src/contract/json.ts";
import { problem, type Problem } from "../src/contract/problem.ts";
import { findJsonBreak } from "./json-syntax.ts";
import { appendPointer } from "./json-pointer.ts";

/** J2 */
export const MAX_DEPTH = 128;

export type ParsedJson =
  | { readonly kind: "value"; readonly value: Json; readonly text: string }
  | { readonly kind: "bad"; readonly problem: Problem };

/** Reads one JSON value. */
export function parseJson(bytes: Uint8Array): ParsedJson {
  if (!isUtf8(bytes)) return bad("invalid_json", "the body is not UTF-8"); // J1
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    if (text === "") return bad("invalid_json", "the body is empty");
    return bad("invalid_json", findJsonBreak(text)?.detail ?? "the body is not JSON");
  }
  if (mayBeTooDeep(text) && depthOf(text) > MAX_DEPTH) {
    return bad("invalid_request", `the body is nested deeper than ${MAX_DEPTH} levels`);
  }
  const pointer = mayPollute(text) ? findPollution(value) : null;
  if (pointer !== null) {
    const detail = "this key would change the prototype of objects";
    return {
      kind: "bad",
      problem: problem("invalid_request", "the body holds a key that is not allowed", {
        errors: [{ pointer, detail }],
      }),
    };
  }
  return { kind: "value", value, text };
}

function bad(code: "invalid_json" | "invalid_request", detail: string): ParsedJson {
  return { kind: "bad", problem: problem(code, detail) };
}

/** A level needs an opening and a closing bracket; counting the opening ones runs at the speed of memory. */
function mayBeTooDeep(text: string): boolean {
  if (text.length < 2 * MAX_DEPTH) return false;
  let count = 0;
  for (const bracket of ["[", "{"]) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      if (++count > MAX_DEPTH) return true;
    }
  }
  return false;
}

/** Of text that is JSON. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (inString) {
      if (unit === 0x5c) at += 1;
      else if (unit === 0x22) inString = false;
    } else if (unit === 0x22) inString = true;
    else if (unit === 0x5b || unit === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (unit === 0x5d || unit === 0x7d) depth -= 1;
  }
  return deepest;
}

/** A key may be written with escapes, so any escaped character makes the value worth a look. */
function mayPollute(text: string): boolean {
  return text.includes("__proto__") || text.includes('"constructor"') || text.includes("\\u");
}

/** J3: the JSON Pointer of the first such key, or null. */
function findPollution(root: Json): string | null {
  const left: { readonly value: Json; readonly pointer: string }[] = [{ value: root, pointer: "" }];
  for (let item = left.pop(); item !== undefined; item = left.pop()) {
    const { value, pointer } = item;
    if (typeof value !== "object" || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      const place = appendPointer(pointer, key);
      if (key === "__proto__") return place;
      if (key === "constructor" && typeof inner === "object" && inner !== null && Object.hasOwn(inner, "prototype")) {
        return place;
      }
      if (typeof inner === "object" && inner !== null) left.push({ value: inner, pointer: place });
    }
  }
  return null;
}
