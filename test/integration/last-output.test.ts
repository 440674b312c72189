import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/runtime/clock.ts";
import { lastOutput } from "../../workers/keeper/last-output.ts";

function script(text: string): { child: ChildProcess; printed: () => string } {
  const child = spawn("sh", ["-c", text], { stdio: ["ignore", "pipe", "pipe"], detached: true });
  let printed = "";
  child.stdout.on("data", (bytes: Buffer) => (printed += bytes.toString()));
  return { child, printed: () => printed };
}

function endGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}

describe("what a process printed is read to its end", () => {
  test("LO1 as long as it comes, although the process is gone", async () => {
    const { child, printed } = script("(for n in 1 2 3 4 5 6; do sleep 0.2; echo $n; done) & exit 0");
    await once(child, "exit");
    await lastOutput(child, systemClock);
    expect(printed()).toBe("1\n2\n3\n4\n5\n6\n");
  });

  test("LO1 also when its reader is held up for long", async () => {
    const { child, printed } = script("sleep 0.1; echo last");
    child.stdout!.pause();
    await once(child, "exit");
    const over = lastOutput(child, systemClock);
    await systemClock.sleep(1_200);
    child.stdout!.resume();
    await over;
    expect(printed()).toBe("last\n");
  });

  test("LO1 by a process that got no processor when it was time to look", async () => {
    const { child, printed } = script("(sleep 0.3; echo late; sleep 0.5; echo later) & exit 0");
    await once(child, "exit");
    const over = lastOutput(child, systemClock);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
    await over;
    expect(printed()).toBe("late\nlater\n");
  });

  test("LO2 but not longer than it is silent, when somebody holds the pipes open", async () => {
    const { child } = script("sleep 60 & exit 0");
    await once(child, "exit");
    await lastOutput(child, systemClock);
    expect(child.stdout!.readableEnded).toBe(false);
    endGroup(child);
  });
});
