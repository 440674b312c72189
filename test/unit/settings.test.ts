import { describe, expect, it } from "vitest";
import { nearestName } from "../../src/domain/nearest-name.ts";
import { CairnRedisRefusal, refusalIn } from "../../src/redis/connection.ts";
import { CairnSettingsFault, loadConfig, unknownVariables } from "../../src/runtime/config.ts";

describe("settings", () => {
  it("that cannot be used are named, with what would be right", () => {
    expect(() => loadConfig({ redisUrl: "localhost:6379" })).toThrow(
      /CAIRN_REDIS_URL is "localhost:6379": write redis:\/\/host:port/,
    );
    expect(() => loadConfig({ port: "99999" })).toThrow(CairnSettingsFault);
    expect(() => loadConfig({ port: "99999" })).toThrow(/CAIRN_PORT is "99999": must not be more than 65535/);
    expect(() => loadConfig({ port: "80.5" })).toThrow(/must be a whole number/);
    expect(() => loadConfig({ storeToken: "short-secret" })).toThrow(/^(?!.*short-secret).*CAIRN_STORE_TOKEN/);
  });

  it("that nothing reads are told, with the one that may be meant", () => {
    const environment = {
      CAIRN_REDIS_ULR: "x",
      CAIRN_PORT: "1",
      CAIRN_RUN: "x",
      CAIRN_NONSENSE_AT_ALL: "1",
      OTHER: "x",
    };
    expect(unknownVariables(environment)).toEqual([
      "CAIRN_NONSENSE_AT_ALL is no setting, and is ignored",
      "CAIRN_REDIS_ULR is no setting, and is ignored; did you mean CAIRN_REDIS_URL?",
    ]);
  });
});

describe("a mistyped name", () => {
  it("is near by letters added, left out, replaced or swapped", () => {
    const names = ["default", "gpu", "large"];
    expect(["defualt", "defaul", "defaultt", "lerge"].map((typed) => nearestName(typed, names))).toEqual([
      "default",
      "default",
      "default",
      "large",
    ]);
    expect(nearestName("something", names)).toBeNull();
  });
});

describe("a Redis that wants a password", () => {
  it("is heard, also through a Cluster's own error, and a mute one is not taken for it", () => {
    const wrong = new Error("WRONGPASS invalid username-password pair");
    expect(refusalIn(wrong)).toBe(wrong);
    expect(new CairnRedisRefusal("redis://:bad@h:1", wrong).message).toMatch(
      /^Redis at redis:\/\/…@h:1 does not take the user or the password \(WRONGPASS\): write it into CAIRN_REDIS_URL/,
    );
    const inner = new Error("NOAUTH Authentication required.");
    expect(refusalIn(Object.assign(new Error("Failed to refresh slots cache."), { lastNodeError: inner }))).toBe(inner);
    expect(refusalIn(new Error("connect ECONNREFUSED 127.0.0.1:1"))).toBeNull();
  });
});
