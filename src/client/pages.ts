/** Lists that come page by page. */

/** A page; `nextCursor` null is the end. */
export interface Page<Item> {
  readonly items: Item[];
  readonly nextCursor: string | null;
}

export interface PageRequest {
  /** `nextCursor` of the page before, with the same filters. */
  readonly cursor?: string | undefined;
  /** Items on a page, 1 to 500. */
  readonly limit?: number | undefined;
}

/** All items, fetched as they are needed; stopping the loop fetches no more. */
export async function* eachItem<Item>(load: (page: PageRequest) => Promise<Page<Item>>): AsyncGenerator<Item> {
  let cursor: string | undefined;
  do {
    const page = await load({ cursor });
    yield* page.items;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** As query parameters; absent ones are left out. */
export function pageQuery({ cursor, limit }: PageRequest): [string, string][] {
  return [
    ...(cursor === undefined ? [] : [["cursor", cursor] as [string, string]]),
    ...(limit === undefined ? [] : [["limit", String(limit)] as [string, string]]),
  ];
}
