/** `cairn arrays` */
import { addressOptions } from "../api-address.ts";
import { arrayColumns, arrayFields } from "../array-table.ts";
import { command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { outputOption, writeJson } from "../output.ts";
import { renderFields } from "../table.ts";
import { showList } from "./jobs.ts";

export const arrays = command({
  name: "arrays",
  group: "See what happens",
  summary: "list arrays, or show one as a whole",
  detail: "The elements of one: `cairn ls --array`. Orders to all of them: `cairn cancel --array`, and so on.",
  does: "GET /v1/arrays, GET /v1/arrays/{array}",
  args: [{ name: "array", meaning: "id of an array", count: "optional" }],
  options: { output: outputOption, ...addressOptions },
  examples: [
    { line: "cairn arrays", does: "all of them, with how many elements are in which state" },
    { line: "cairn arrays $ARRAY", does: "one, with the indexes of elements that did not succeed" },
  ],
  async run(session, [id], options) {
    const client = session.client(options);
    if (id === undefined) {
      await showList(session, client.arrays.list(), arrayColumns(session), options.output ?? "table");
      return EXIT.ok;
    }
    const array = await client.arrays.get(id);
    if (options.output === "json") await writeJson(session, array);
    else await session.out(renderFields(arrayFields(array), { heading: (text) => session.colors.dim(text) }));
    return EXIT.ok;
  },
});
