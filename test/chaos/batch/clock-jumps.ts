import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BatchStage, nothingWrong, told } from "../../support/batch-stage.ts";
import { countAtMost, type Scenario } from "../../support/scenario.ts";

/** Of Debian's package `libfaketime`. */
const LIBRARIES = ["x86_64", "aarch64"].map((cpu) => `/usr/lib/${cpu}-linux-gnu/faketime/libfaketime.so.1`);

/** No clock of another machine is trusted: wall clocks of workers jump by an hour, their monotonic ones do not. */
export const clockJumps: Scenario = {
  name: "clock-jumps",
  title: "the wall clocks of workers jump forwards and back by up to an hour (libfaketime)",
  run: async (options) => {
    const library = LIBRARIES.find((path) => existsSync(path));
    if (library === undefined) throw new Error("needs Debian's package libfaketime: apt-get install libfaketime");
    const stage = await BatchStage.open({ workers: 0 }, options);
    try {
      const file = (worker: string): string => join(stage.fleet.folder, `clock-${worker}`);
      for (const worker of ["w1", "w2"]) {
        writeFileSync(file(worker), "+0");
        await stage.fleet.addWorker(worker, {
          LD_PRELOAD: library,
          FAKETIME_TIMESTAMP_FILE: file(worker),
          FAKETIME_NO_CACHE: "1",
          DONT_FAKE_MONOTONIC: "1",
        });
      }
      const ids = await stage.count(4, { steps: stage.amount(900, 250), stepMs: 40, stateBytes: 20_000 });
      await stage.trouble(stage.amount(60, 12), 1_500, () => {
        const worker = stage.pick(["w1", "w2"]);
        const seconds = Math.round(stage.between(-3_600, 3_600));
        writeFileSync(file(worker), `${seconds < 0 ? "" : "+"}${seconds}`);
        return Promise.resolve(`the clock of ${worker} is off by ${seconds} s`);
      });
      const audit = await stage.audit(ids);
      return {
        measured: told(stage, audit),
        expectations: [
          ...nothingWrong(audit),
          countAtMost("attempts beyond one for each job", audit.attempts.length - ids.length, 0),
        ],
      };
    } finally {
      await stage.close();
    }
  },
};
