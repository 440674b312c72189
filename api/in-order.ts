/**
 * Does work on items side by side, and hands the results out in the items' order.
 *
 * O1 Taking items never waits for results being fetched: whoever sends the items may read no result before it has sent
 *    them all, and both would wait for each other for ever.
 */
import { Bell } from "./bell.ts";

export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item>,
  width: number,
  work: (item: Item, index: number) => Promise<Result>,
): AsyncGenerator<Result> {
  const results: Promise<Result>[] = [];
  const added = new Bell();
  const freed = new Bell();
  let underWay = 0;
  let over = false;
  let fault: unknown = null;
  const feed = async (): Promise<void> => {
    let index = 0;
    for await (const item of items) {
      while (underWay >= width) await freed.wait(1_000, []);
      underWay += 1;
      const result = work(item, index).finally(() => {
        underWay -= 1;
        freed.ring();
      });
      result.catch(() => undefined); // Told when it is fetched.
      results.push(result);
      index += 1;
      added.ring();
    }
  };
  void feed()
    .catch((error: unknown) => {
      fault = error;
    })
    .finally(() => {
      over = true;
      added.ring();
    });
  const isOver = (): boolean => over;
  for (;;) {
    const next = results.shift();
    if (next !== undefined) yield await next;
    else if (isOver()) break;
    else await added.wait(1_000, []);
  }
  if (fault !== null) throw fault instanceof Error ? fault : new Error("items broke off", { cause: fault });
}
