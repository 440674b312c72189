import { accessSync } from "node:fs";
import { delimiter, join } from "node:path";
import { inheritedEnvironment } from "../../../src/runtime/config.ts";
import type { Scenario } from "../../support/scenario.ts";
import { disturbed } from "./disturbed.ts";

/** A real simulation program, by the README's recipe. It makes checkpoints by itself, and one when it gets SIGTERM. */
export const gromacs: Scenario = {
  name: "gromacs",
  title: "GROMACS: its worker killed, itself stopped and resumed, its runner killed",
  run: (options) => {
    if (!isInstalled("gmx")) throw new Error("GROMACS is not on this machine: apt-get install gromacs (66 MB)");
    return disturbed(
      {
        task: "gromacs",
        input: { steps: options.short ? 30_000 : 60_000 },
        files: ["gromacs.yaml"],
        compare: ["md.gro", "md.edr", "md.xtc"],
      },
      options,
    );
  },
};

function isInstalled(name: string): boolean {
  return (inheritedEnvironment()["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name));
      return true;
    } catch {
      return false;
    }
  });
}
