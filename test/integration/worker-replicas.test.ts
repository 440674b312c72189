/** A worker's replicas that live and do no work: found out, replaced by their agent, and told at the API. */
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";

const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("replicas that do no work", () => {
  let fleet: Fleet | null = null;
  afterEach(async () => {
    await fleet?.stop();
    fleet = null;
  });

  it("are replaced: one that takes nothing, and one that is frozen; the frozen one leaves when it thaws", async () => {
    const running = await Fleet.start({ workers: 2 });
    fleet = running;
    await running.addWorker("deaf", { CAIRN_FAULTS: "online.read=skip" });
    const before = await running.worker("deaf", "serving", ({ pids }) => pids.replicas.length === 1);
    const requests: Promise<unknown>[] = [];
    const ask = setInterval(() => {
      requests.push(running.client.invoke("echo", "still answered").catch((error: unknown) => String(error)));
    }, 50);
    const [frozen] = await running.signal("w1", "SIGSTOP", "replicas");

    const deaf = await running.worker("deaf", "with another replica", ({ replaced }) => (replaced["unfit"] ?? 0) > 0);
    expect(deaf.reason).toMatch(/replica deaf\.\w+ was replaced: it beats, but takes nothing of \w+/);
    expect(deaf.pids.replicas).not.toEqual(before.pids.replicas);

    const stuck = await running.worker("w1", "with another replica", ({ replaced }) => replaced["stuck"] === 1);
    expect(stuck.pids.replicas).toContain(frozen);
    await running.worker("w1", "at work again", ({ replicas }) =>
      replicas.some(({ pid, state }) => pid !== frozen && state === "ready"),
    );
    clearInterval(ask);
    expect(new Set(await Promise.all(requests))).toEqual(new Set(["still answered"]));
    process.kill(frozen!, "SIGCONT");
    await eventually("it has left", () => !runs(frozen!));
    const metrics = await (await fetch(`${running.client.url}/metrics`)).text();
    expect(metrics).toMatch(/cairn_replicas_replaced_total\{worker="w1",reason="stuck"\} 1/);
    expect(metrics).toMatch(/cairn_canaries_total\{task="echo",result="missed"\} \d/);
  });
});
