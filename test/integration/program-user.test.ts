/** Programs that run as another user than the worker. Only root can do that; for others these tests are skipped. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findUser, userOf } from "../../src/tasks/program/program-user.ts";
import { programSchema } from "../../src/tasks/program/definition.ts";
import { ProgramJob } from "../support/program-job.ts";

/** What it is and what it may; a checkpoint; then the first attempt waits for its end, and the second goes on. */
const SCRIPT = `
echo "user $(id -u) group $(id -g) all $(id -G) home $HOME name $USER"
cat /etc/shadow > /dev/null 2>&1 && echo "reads what is root's"
touch \${folder}/absolute "$TMPDIR/temporary" || exit 9
[ -f state.dat ] || { echo first > state.dat; exit 85; }
[ "$1" = 1 ] && exec sleep 600
echo second >> state.dat && rm input.txt && cp state.dat out.dat
`;

let kept: string;
let file: string;
beforeAll(async () => {
  kept = await mkdtemp(join(tmpdir(), "cairn-user-"));
  file = join(kept, "programs.json");
  const script = {
    name: "as-nobody",
    user: "nobody",
    input: { type: "object" },
    files: { "script.sh": { text: SCRIPT }, "input.txt": { text: "input" } },
    start: ["/bin/sh", "script.sh", "${attempt}"],
    checkpoint: { files: ["state.dat"] },
    outputs: ["out.dat"],
    maxRetries: 0,
  };
  await writeFile(file, JSON.stringify({ programs: [script] }));
});
afterAll(() => rm(kept, { recursive: true, force: true }));

describe.skipIf(process.getuid?.() !== 0)("under root, a program with a user of its own", () => {
  const create = (): Promise<ProgramJob> =>
    ProgramJob.create("as-nobody", {}, { kept, file, intervalMs: 2_147_483_647 });

  test("has that user's rights and no others, and owns its folder, its input and what was restored", async () => {
    const { uid, gid, home } = (await findUser("nobody"))!;
    await using job = await create();
    await chmod(job.root, 0o711);
    const first = job.attempt();
    await first.until("a checkpoint", () => job.commits.length === 1);
    first.keeper.kill("SIGKILL");
    process.kill(first.runnerPid!, "SIGKILL");
    await first.exited;
    const second = job.attempt();
    expect(await second.over()).toMatchObject({ kind: "succeeded" });
    expect(second.restoredFrom).toBe(1);
    expect(await job.log(2)).toBe(`user ${uid} group ${gid} all ${gid} home ${home} name nobody\n`);
    expect(await job.artifact("out.dat")).toBe("first\nsecond\n");
  });

  test("is not started where that user cannot reach its folder, and it is said which folder stands in the way", async () => {
    await using job = await create();
    await chmod(job.root, 0o700);
    const end = await job.attempt().over();
    expect(end).toMatchObject({ kind: "runner_lost" });
    expect(JSON.stringify(end)).toContain(`nobody may not enter ${job.root}, where the working folder lies: chmod o+x`);
  });
});

describe("the user of a program", () => {
  const program = (user?: string) => ({
    name: "sim",
    program: programSchema.parse({ name: "sim", start: ["sim"], ...(user === undefined ? {} : { user }) }),
  });

  test("is the worker's own unless the definition names another, which takes root", async () => {
    expect(await userOf(program(), 0)).toBeNull();
    expect(await userOf(program("root"), 0)).toBeNull();
    expect(await userOf(program("nobody"), 0)).toMatchObject({ name: "nobody", uid: expect.any(Number) as number });
    await expect(userOf(program("root"), 1_000)).rejects.toThrow(
      "only a worker that runs as root can run it as root; start the worker as root or as root",
    );
    await expect(userOf(program("no-such-user"), 0)).rejects.toThrow("there is no user no-such-user on this machine");
  });
});
