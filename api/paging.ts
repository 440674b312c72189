/** Pages of lists that are short enough to be read whole: attempts, checkpoints, artifacts, workers, tasks, queues. */
import type { PageQuery } from "../src/contract/query.ts";
import type { Limits } from "../src/domain/limits.ts";
import { json, refuse, type Answer } from "./answer.ts";

const CURSOR = /^p1\.([A-Za-z0-9_-]{1,400})$/;

/** A cursor names the last item that was shown, so that a page goes on there whatever came or went meanwhile. */
export interface Order<T> {
  readonly keyOf: (item: T) => string;
  /** Does `item` come after the item of that key? */
  readonly isAfter: (item: T, key: string) => boolean;
}

/** Largest number first. */
export const descendingBy = <T>(numberOf: (item: T) => number): Order<T> => ({
  keyOf: (item) => String(numberOf(item)),
  isAfter: (item, key) => numberOf(item) < Number(key),
});

/** Smallest text first. */
export const ascendingBy = <T>(keyOf: (item: T) => string): Order<T> => ({
  keyOf,
  isAfter: (item, key) => keyOf(item) > key,
});

/** The page that `query` asks for. `items` are in order already. */
export function answerPage<T>(items: readonly T[], query: PageQuery, order: Order<T>, limits: Limits): Answer {
  const { cursor, limit = limits.pageDefault } = query;
  let rest = items;
  if (cursor !== undefined) {
    const encoded = CURSOR.exec(cursor)?.[1];
    if (encoded === undefined) return refuse("invalid_cursor", `${JSON.stringify(cursor.slice(0, 100))} is no cursor`);
    const key = Buffer.from(encoded, "base64url").toString("utf8");
    rest = items.filter((item) => order.isAfter(item, key));
  }
  const shown = rest.slice(0, limit);
  const last = shown.at(-1);
  const more = last !== undefined && rest.length > shown.length;
  const nextCursor = more ? `p1.${Buffer.from(order.keyOf(last)).toString("base64url")}` : null;
  return json(200, { items: shown, nextCursor });
}
