/** `cairn simulate`: tries a task or a programs file on this machine, without a fleet. */
import { environmentWith } from "../../runtime/config.ts";
import { command, type Command } from "../command.ts";
import { fileOption, inputArgument, readInput } from "../read-input.ts";
import { settingsOf, settingsOptions } from "../settings-options.ts";

export const simulate: Command = command({
  name: "simulate",
  group: "Run Cairn",
  summary: "try a task or a program here, interrupt it, and compare the results",
  detail:
    "Without a task it checks the modules and programs files, and lists what is in them. With one it runs it " +
    "undisturbed, then stopped half-way and resumed in a fresh folder, then killed after a checkpoint and resumed; and " +
    "compares output and artifacts. Needs no Redis, no API and no worker, and leaves nothing behind. Exits with 1 when " +
    "something failed, differs, or was over before it could be interrupted.",
  does: "runs the task in processes of its own, with a store in a temporary folder",
  args: [
    { name: "task", meaning: "name of a batch task; default: only check and list", count: "optional" },
    inputArgument,
  ],
  options: { file: fileOption, ...settingsOptions(["tasks", "programs", "builtins", "stopGraceMs"]) },
  examples: [
    { line: "cairn simulate --programs ./programs.yaml", does: "checks the file: line, field and what is expected" },
    {
      line: `cairn simulate --programs ./programs.yaml chain '{"steps":100}'`,
      does: "runs it three times, and says whether interrupted runs end with the same bits",
    },
  ],
  async run(session, args, options) {
    const [task, input] = args;
    const environment = environmentWith(settingsOf(options));
    if (task === undefined) return await session.become("simulate", environment);
    const text = JSON.stringify(await readInput(session, input, options.file));
    return await session.become("simulate", environment, [task, text]);
  },
});
