/** `cairn logs`. */
import { addressOptions } from "../api-address.ts";
import { command, flag, value } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { readWhole } from "../values.ts";

export const logs = command({
  name: "logs",
  group: "See what happens",
  summary: "print what a job wrote",
  detail: "The output of the task and its console, as it was written; of long logs head and tail are kept.",
  does: "GET /v1/jobs/{id}/logs",
  args: [{ name: "job", meaning: "id of the job", count: "one" }],
  options: {
    follow: flag("go on with what it writes, until it ends", { short: "f" }),
    attempt: value("n", "only this attempt; default the latest", readWhole({ from: 1, to: 1_000_000 })),
    ...addressOptions,
  },
  examples: [
    { line: "cairn logs $JOB", does: "of the latest attempt" },
    { line: "cairn logs $JOB -f", does: "follows it over restarts and to other workers" },
  ],
  async run(session, [id = ""], options) {
    const client = session.client(options);
    const { attempt, follow } = options;
    for await (const chunk of client.logs(id, { attempt, follow })) await session.out(chunk);
    return EXIT.ok;
  },
});
