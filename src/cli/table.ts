/**
 * Columns of text: a heading and a line per row, two blanks apart, nothing else, so that `awk` can read it too.
 *
 * Empty cells are `-`: a column that is missing would move the others.
 */
import { stripVTControlCharacters } from "node:util";
import { oneLine } from "./format.ts";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string | number | null;
  readonly align?: "left" | "right";
  /** In the wide form only. */
  readonly wide?: true;
  /** Puts colour on the finished cell. */
  readonly paint?: (text: string, row: Row) => string;
}

export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { readonly wide: boolean; readonly heading: (text: string) => string },
): string {
  const shown = columns.filter((column) => options.wide || column.wide !== true);
  const cells = rows.map((row) => shown.map((column) => textOf(column.cell(row))));
  const widths = shown.map(({ title }, index) =>
    Math.max(width(title), ...cells.map((line) => width(line[index] ?? ""))),
  );
  const line = (texts: readonly string[], paint: (text: string, index: number) => string): string =>
    texts
      .map((text, index) => {
        const gap = " ".repeat((widths[index] ?? 0) - width(text));
        const right = shown[index]?.align === "right";
        const last = index === texts.length - 1;
        return right ? gap + paint(text, index) : paint(text, index) + (last ? "" : gap);
      })
      .join("  ");
  const head = line(
    shown.map(({ title }) => title),
    options.heading,
  );
  const body = rows.map((row, number) =>
    line(cells[number] ?? [], (text, index) => shown[index]?.paint?.(text, row) ?? text),
  );
  return `${[head, ...body].join("\n")}\n`;
}

/** `name  value`, one a line; for a single thing. */
export function renderFields(
  fields: readonly (readonly [string, string | number | null])[],
  options: { readonly heading: (text: string) => string },
): string {
  const longest = Math.max(...fields.map(([name]) => width(name)));
  return fields
    .map(([name, value]) => `${options.heading(name)}${" ".repeat(longest - width(name))}  ${textOf(value)}\n`)
    .join("");
}

function textOf(value: string | number | null): string {
  const text = value === null ? "" : oneLine(String(value));
  return text === "" ? "-" : text;
}

function width(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}
