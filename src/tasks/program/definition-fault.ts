/** What is wrong with a definition, and with which field of it. */

export interface DefinitionFault {
  readonly path: readonly (string | number)[];
  readonly detail: string;
}

/** `start[2]: `; nothing for the whole. */
export function pathText(path: readonly (string | number)[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  return text === "" ? "" : `${text.replace(/^\./, "")}: `;
}
