import type { Scenario } from "../../support/scenario.ts";
import { disturbed } from "./disturbed.ts";

/** The README's program in Python, which is asked by a signal. */
export const chain: Scenario = {
  name: "chain",
  title: "a program that is asked by SIGUSR1: its worker killed, itself stopped and resumed, its runner killed",
  run: (options) =>
    disturbed(
      { task: "chain", input: { steps: 400 }, files: ["programs.yaml", "chain.py"], compare: ["result.txt"] },
      options,
    ),
};
