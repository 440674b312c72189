/** The query of a URL, read strictly: what is not well-formed is refused instead of guessed. */

export type QueryRead =
  | { readonly kind: "read"; readonly values: Readonly<Record<string, string | readonly string[]>> }
  | { readonly kind: "malformed"; readonly parameter: string };

/** A parameter that comes once is a string, one that comes more often a list. */
export function readQuery(query: string): QueryRead {
  // Without a prototype: a parameter may be called `__proto__`.
  const values = Object.create(null) as Record<string, string | string[]>;
  for (const part of query.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    const value = decode(equals < 0 ? "" : part.slice(equals + 1));
    if (name === null || value === null) return { kind: "malformed", parameter: part.slice(0, 100) };
    const before = values[name];
    values[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  return { kind: "read", values };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return null;
  }
}
