/** What a client sends and what it takes (RFC 9110, 8.3 and 12.5.1). */

/** Would the client take one of `types`? Parameters other than `q` are not looked at. */
export function accepts(header: string | undefined, types: readonly string[]): boolean {
  if (header === undefined || header === "" || header === "*/*") return true;
  return types.some((type) => qualityOf(header, type) > 0);
}

/** Which of `types` the client would rather have; the first of equals, null for none. */
export function prefers<T extends string>(header: string | undefined, types: readonly T[]): T | null {
  if (header === undefined || header === "") return types[0] ?? null;
  let best: { readonly type: T; readonly q: number } | null = null;
  for (const type of types) {
    const q = qualityOf(header, type);
    if (q > (best?.q ?? 0)) best = { type, q };
  }
  return best?.type ?? null;
}

/** 0 to 1; the most specific range that fits decides. */
function qualityOf(header: string, type: string): number {
  let best = { q: 0, rank: -1 };
  for (const range of header.split(",")) {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const rank = specificity(name);
    if (!covers(name, type) || rank <= best.rank) continue;
    const q = Number(parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? 1);
    best = { q: Number.isFinite(q) ? q : 0, rank };
  }
  return best.q;
}

function covers(range: string, type: string): boolean {
  return range === "*/*" || range === type || (range.endsWith("/*") && type.startsWith(range.slice(0, -1)));
}

function specificity(range: string): number {
  return range === "*/*" ? 0 : range.endsWith("/*") ? 1 : 2;
}

/** Is the body of one of `types`, in UTF-8 and not compressed? @returns what is wrong, or null */
export function refusedMediaType(
  headers: { readonly "content-type"?: string | undefined; readonly "content-encoding"?: string | undefined },
  types: readonly string[],
): string | null {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") return `Content-Encoding ${encoding} is not taken`;
  const given = headers["content-type"];
  if (given !== undefined && types[0] === given) return null;
  const wanted = types.join(" or ");
  if (given === undefined) return `the body has no Content-Type; this route takes ${wanted}`;
  const [type = "", ...parameters] = given.split(";").map((part) => part.trim().toLowerCase());
  if (!types.includes(type)) return `Content-Type is ${type}; this route takes ${wanted}`;
  const charset = parameters
    .find((parameter) => parameter.startsWith("charset="))
    ?.slice(8)
    .replaceAll('"', "");
  return charset === undefined || charset === "utf-8" || charset === "utf8" ? null : `charset ${charset} is not taken`;
}
