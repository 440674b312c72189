/** The three forms of data: a table, a wider table, and JSON as the API gave it. */
import { value } from "./command.ts";
import type { Session } from "./session.ts";
import { renderTable, type Column } from "./table.ts";
import { readOneOf } from "./values.ts";

export const FORMS = ["table", "wide", "json"] as const;
export type Form = (typeof FORMS)[number];

/** `-o`, for every command that shows data. */
export const outputOption = value("form", "table, wide or json; default table", readOneOf(FORMS), { short: "o" });

export async function writeJson(session: Session, data: unknown): Promise<void> {
  // On a terminal somebody reads it; in a pipe a program does, line by line.
  await session.out(`${JSON.stringify(data, null, session.terminal.out ? 2 : undefined)}\n`);
}

export async function writeTable<Row>(
  session: Session,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  form: Form,
): Promise<void> {
  const heading = (text: string): string => session.colors.dim(text);
  await session.out(renderTable(columns, rows, { wide: form === "wide", heading }));
}
