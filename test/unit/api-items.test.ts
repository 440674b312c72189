import fc from "fast-check";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { inOrder } from "../../api/in-order.ts";
import { splitArray, splitLines } from "../../api/json-items.ts";
import { answerPage, ascendingBy } from "../../api/paging.ts";
import type { Json } from "../../src/contract/json.ts";
import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

describe("items of an array", () => {
  it("are its elements, whatever they hold and however it is written", async () => {
    const space = fc.constantFrom("", " ", "\n\t ");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.json(), { maxLength: 8 }), space, async (elements, gap) => {
        const body = Buffer.from(`${gap}[${gap}${elements.join(`${gap},${gap}`)}${gap}]${gap}`);
        const split = await splitArray(body, 100);
        if (split.kind === "bad") throw new Error(split.detail);
        expect(split.items.map((item) => JSON.parse(item.toString()) as Json)).toEqual(
          elements.map((element) => JSON.parse(element) as Json),
        );
      }),
    );
  });
  it.each([
    ["{}", "the body is not a JSON array"],
    ["", "the body is not a JSON array"],
    ["[1,2", "the array is not closed"],
    ['["]', "the array is not closed"],
    ["[1,,2]", "item 1 of the array is missing"],
    ["[1,]", "item 1 of the array is missing"],
    ["[,1]", "item 0 of the array is missing"],
    ["[1] 2", "something follows the array"],
    ["[1,2,3,4]", "the array has more than 3 items"],
  ])("are not cut from %s", async (text, detail) => {
    expect(await splitArray(Buffer.from(text), 3)).toEqual({ kind: "bad", detail });
  });
});

describe("lines", () => {
  it("are the same however the bytes arrive", async () => {
    const line = fc.string().filter((text) => !text.includes("\n"));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 9 }), async (lines, size) => {
        const seen: string[] = [];
        for await (const found of splitLines(chunksOf(Buffer.from(lines.join("\n")), size), 1_000)) {
          if (found.kind === "line") seen.push(found.bytes.toString());
        }
        expect(seen).toEqual(lines.filter((text) => !/^[ \t\r]*$/.test(text)));
      }),
    );
  });
  it("that are too long are said to be, and cost no memory", async () => {
    const kinds: string[] = [];
    for await (const { kind } of splitLines(chunksOf(Buffer.from(`a\n${"b".repeat(100)}\nc`), 7), 10)) kinds.push(kind);
    expect(kinds).toEqual(["line", "too_long", "line"]);
  });
});

describe("work in order", () => {
  async function* numbers(count: number): AsyncGenerator<number> {
    for (let n = 0; n < count; n += 1) yield await Promise.resolve(n);
  }
  it("hands results out in the items' order, with no more than so many under way", async () => {
    let underWay = 0;
    let most = 0;
    const work = async (n: number): Promise<number> => {
      underWay += 1;
      most = Math.max(most, underWay);
      await delay((n * 7) % 5);
      underWay -= 1;
      return n * n;
    };
    const results: number[] = [];
    for await (const result of inOrder(numbers(40), 4, work)) results.push(result);
    expect(results).toEqual(Array.from({ length: 40 }, (_, n) => n * n));
    expect(most).toBe(4);
  });
  it("O1 takes all items although nobody fetches a result", async () => {
    let taken = 0;
    const results = inOrder(numbers(50), 4, (n) => {
      taken = n + 1;
      return Promise.resolve(n);
    });
    await results.next();
    await expect.poll(() => taken).toBe(50);
    await results.return(undefined);
  });
});

describe("pages", () => {
  const names = ["a", "b", "c", "d", "e"];
  const page = (query: { cursor?: string; limit?: number }): { items: string[]; nextCursor: string | null } => {
    const { body } = answerPage(
      names,
      query,
      ascendingBy((name) => name),
      DEFAULT_LIMITS,
    );
    if (body.kind !== "text") throw new Error("refused");
    return JSON.parse(body.text) as { items: string[]; nextCursor: string | null };
  };
  it("hold every item once, and the last one says that it is the last", () => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const { items, nextCursor } = page({ limit: 2, ...(cursor === null ? {} : { cursor }) });
      seen.push(...items);
      cursor = nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(names);
    expect(page({ limit: 5 }).nextCursor).toBeNull();
  });
});
