/** The README's table of the fields of a program, from their schema. */
import { z } from "zod";
import { programSchema } from "../../src/tasks/program/definition.ts";
import { WORDS } from "../../src/tasks/program/expand.ts";

interface Node {
  readonly type?: string | string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

const SCHEMA = z.toJSONSchema(programSchema, { io: "input", unrepresentable: "any", reused: "inline" }) as Node;

/** Field, type, default, meaning: every field, nested ones with their path. */
export function programFields(): readonly (readonly string[])[] {
  const input = ["`input`", "JSON Schema", "**required**", "What the job's input must be; in TypeScript a zod schema"];
  const rows = rowsOf(SCHEMA, "");
  const at = rows.findIndex(([name]) => name === "`start`");
  return [...rows.slice(0, at), input, ...rows.slice(at)];
}

/** What may stand in `${…}`. */
export function programWords(): readonly (readonly string[])[] {
  return [
    ["`${input.mesh.cells}`", "a part of the input; alone in an argument: left out when absent, several when a list"],
    ...Object.entries(WORDS).map(([name, meaning]) => [`\`\${${name}}\``, meaning]),
    [
      "`${newest:ckpt-*.dat}`",
      "the file of the working folder that matches and was changed last; `${newest:ckpt-*.dat|none}`: `none` where there is none",
    ],
    [
      "`${newest:ckpt-<*>.dat}`",
      "the part of its name between `<` and `>`: of `ckpt-000120.dat` the text `000120`; with `|` as above",
    ],
    [
      "`${remaining:ckpt-<*>.dat}`",
      "`progress.total` less the number that stands there; all of it at a first start; in `start`, `resume`, `files` and `env`",
    ],
    [
      "`${start:0|resume:1}`",
      "`0` at a first start, `1` with a restored checkpoint in the folder; in `start`, `resume`, `files` and `env`",
    ],
  ];
}

function rowsOf(node: Node, base: string): string[][] {
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
    const path = `${base}${name}`;
    const known = path === "checkpoint.stop"; // Said once, at `checkpoint.trigger`.
    const inner = known ? null : innerOf(field);
    const meaning = known ? `${field.description ?? ""}. Fields as in \`trigger\`` : (field.description ?? "");
    const must = node.required?.includes(name) === true ? "**required**" : defaultOf(field);
    const row = [`\`${path}\``, typeOf(field), must, meaning];
    return [row, ...(inner === null ? [] : rowsOf(inner.node, `${path}${inner.step}.`))];
  });
}

/** The object that a field holds, directly, as an item or by name. */
function innerOf(field: Node): { readonly node: Node; readonly step: string } | null {
  if (field.properties !== undefined) return { node: field, step: "" };
  const choice = field.anyOf?.find(({ properties }) => properties !== undefined);
  if (choice !== undefined) return { node: choice, step: "" };
  if (field.items !== undefined && field.type === "array") {
    const inner = innerOf(field.items);
    // Arguments have one more form, which is told in words.
    return inner === null || "when" in (inner.node.properties ?? {}) ? null : { node: inner.node, step: "[]" };
  }
  const { additionalProperties: named } = field;
  if (typeof named !== "object") return null;
  const inner = innerOf(named);
  return inner === null ? null : { node: inner.node, step: ".<path>" };
}

function typeOf({ title, type, enum: words, anyOf, items, additionalProperties, const: word }: Node): string {
  if (title !== undefined) return title;
  if (words !== undefined) return words.map((each) => `\`${String(each)}\``).join(", ");
  if (word !== undefined) return `\`${JSON.stringify(word)}\``;
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeOf))].join(" or ");
  if (type === "array") return items === undefined ? "list" : `list of ${typeOf(items)}`;
  if (type === "object" && typeof additionalProperties === "object") return "by name";
  if (type === "integer") return "whole number";
  if (type === "string") return "text";
  if (type === "object") return "fields";
  return String(type);
}

function defaultOf({ default: fallback }: Node): string {
  if (fallback === undefined || fallback === "") return "";
  if (typeof fallback === "object" && fallback !== null && !Array.isArray(fallback)) return "";
  return `\`${JSON.stringify(fallback)}\``;
}
