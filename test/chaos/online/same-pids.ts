/** Nothing has to be restarted for a fault of Redis to be over: the processes are the same before and after. */
import { childrenOf } from "../../support/child-processes.ts";
import type { Stage } from "../../support/stage.ts";

export interface Remembered {
  /** How many of the processes are not there any more. */
  changed(): Promise<number>;
}

export async function samePids(stage: Stage): Promise<Remembered> {
  const now = async (): Promise<Set<number>> => {
    const workers = await Promise.all(["w1", "w2", "w3"].map((id) => stage.replicaOf(id)));
    return new Set([...workers, ...childrenOf(stage.fleet.apiPid)]);
  };
  const before = await now();
  return {
    changed: async () => {
      const after = await now();
      return [...before].filter((pid) => !after.has(pid)).length;
    },
  };
}
