import { describe, expect, it } from "vitest";
import { classifyRedisError } from "../../src/redis/fault.ts";

const refused = (text: string): Error => Object.assign(new Error(text), { name: "ReplyError" });

describe("what Redis says when it does not do what it is asked", () => {
  it.each([
    ["MISCONF Errors writing to the AOF file: No space left on device", /cannot write to its disk/],
    ["OOM command not allowed when used memory > 'maxmemory'. script: 12ab, on @user_script:3.", /no memory left/],
    ["NOREPLICAS Not enough good replicas to write.", /too few replicas/],
    ["READONLY You can't write against a read only replica.", /does not answer/],
  ])("%s", (text, told) => {
    const fault = classifyRedisError(refused(text));
    expect(fault?.kind).toBe("unavailable");
    expect(fault?.message).toMatch(told);
  });

  it("a transaction that it discarded was not carried out, for the reason of its commands", () => {
    const error = refused("EXECABORT Transaction discarded because of previous errors.");
    const because = (...previousErrors: Error[]) => classifyRedisError(Object.assign(error, { previousErrors }));
    expect(because(refused("MISCONF Errors writing to the AOF file"))?.kind).toBe("unavailable");
    expect(because(refused("ERR unknown command"))).toBeNull();
    expect(because()).toBeNull();
  });

  it("what is no sign of its absence is none", () => {
    expect(classifyRedisError(refused("ERR wrong number of arguments"))).toBeNull();
    expect(classifyRedisError("a text")).toBeNull();
  });
});
