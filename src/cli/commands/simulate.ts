/** `cairn simulate`: tries a task or a programs file on this machine, without a fleet. */
import { environmentWith } from "../../runtime/config.ts";
import { command, list, type Command } from "../command.ts";
import { fileOption, inputArgument, readInput } from "../read-input.ts";
import { readPair } from "../values.ts";
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
  options: {
    file: fileOption,
    artifact: list("name=file", "a file in place of the artifact of another job; may repeat", readPair),
    ...settingsOptions(["tasks", "programs", "builtins", "stopGraceMs"]),
  },
  examples: [
    { line: "cairn simulate --programs ./programs.yaml", does: "checks the file: line, field and what is expected" },
    {
      line: `cairn simulate --programs ./programs.yaml chain '{"steps":100}'`,
      does: "runs it three times, and says whether interrupted runs end with the same bits",
    },
    {
      line: `cairn simulate --programs ./programs.yaml refine '{"from":"any"}' --artifact mesh.dat=./mesh.dat`,
      does: "with a file in place of what another job would have made",
    },
  ],
  async run(session, args, options) {
    const [task, input] = args;
    const environment = environmentWith(settingsOf(options));
    if (task === undefined) return await session.become("simulate", environment);
    const artifacts = options.artifact.map(([name, file]) => `${name}=${file}`);
    const text = JSON.stringify(await readInput(session, input, options.file));
    return await session.become("simulate", environment, [task, text, ...artifacts]);
  },
});
