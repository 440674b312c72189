/**
 * Named places where a test can make a process die, freeze, fail or leave out a step, so that a race is a fact and
 * not a matter of luck. Without a plan they do nothing.
 *
 * The plan is text: `name=action[@n]`, separated by commas. `@n` means the n-th time the place is reached in this
 * process (default: every time). Actions: `kill` (SIGKILL to itself), `freeze` (SIGSTOP to itself), `fail` (throws),
 * `skip` (the step is left out, where the code allows it).
 */
export type FaultAction = "kill" | "freeze" | "fail" | "skip";

export interface FaultPoints {
  /**
   * Says that the place `name` is reached.
   * @returns "skip" when the plan says to leave the following step out
   * @throws FaultInjected when the plan says to fail here
   */
  reach(name: string): "go" | "skip";
}

export class FaultInjected extends Error {
  override readonly name = "FaultInjected";
}

export const noFaults: FaultPoints = { reach: () => "go" };

interface Rule {
  readonly action: FaultAction;
  readonly at: number | "every";
  hits: number;
}

/** @throws TypeError when the plan cannot be read */
export function parseFaultPlan(plan: string): FaultPoints {
  if (plan.trim() === "") return noFaults;
  const rules = new Map<string, Rule>();
  for (const part of plan.split(",")) {
    const match = /^\s*([\w.-]+)=(kill|freeze|fail|skip)(?:@(\d+))?\s*$/.exec(part);
    if (match?.[1] === undefined) throw new TypeError(`fault plan: "${part}" is not name=kill|freeze|fail|skip[@n]`);
    rules.set(match[1], {
      action: match[2] as FaultAction,
      at: match[3] === undefined ? "every" : Number(match[3]),
      hits: 0,
    });
  }
  return {
    reach(name) {
      const rule = rules.get(name);
      if (rule === undefined) return "go";
      rule.hits += 1;
      if (rule.at !== "every" && rule.at !== rule.hits) return "go";
      switch (rule.action) {
        case "kill":
          process.kill(process.pid, "SIGKILL");
          return "go";
        case "freeze":
          process.kill(process.pid, "SIGSTOP");
          return "go";
        case "fail":
          throw new FaultInjected(`fault point ${name}`);
        case "skip":
          return "skip";
      }
    },
  };
}
