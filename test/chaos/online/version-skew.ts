/**
 * Builds of different age side by side, as in every rolling upgrade (design rule 10): what one does not understand it
 * says so, and somebody else does it.
 */
import { connectRedis, closeRedis } from "../../../src/redis/connection.ts";
import { createKeys } from "../../../src/redis/keys.ts";
import { decodeAnswer } from "../../../src/online/wire.ts";
import { OlderReplica } from "../../support/older-replica.ts";
import { countAtLeast, countAtMost } from "../../support/scenario.ts";
import { onStage } from "../../support/stage.ts";

/** The prefix of keys when nobody sets another. */
const PREFIX = "cairn";
/** Sent every so often by an API of a newer build, whose format these replicas do not know. */
const NEWER_EVERY_S = 0.1;

export const versionSkew = onStage({
  name: "version-skew",
  title: "a replica of an older build serves beside two of this one, and an API of a newer build asks them all",
  stage: { workers: 2 },
  play: async (stage) => {
    const keys = createKeys(PREFIX);
    const { url } = stage.fleet.redis;
    const newer = connectRedis(url, { kind: "command", commandTimeoutMs: 2_000 }, "newer-api");
    const older = await OlderReplica.join(url, keys);
    try {
      const seconds = stage.seconds(30, 5);
      let asked = 0;
      const ask = async (): Promise<void> => {
        asked += 1;
        await newer.rpush(keys.taskList("work"), `2 newer${asked} 1 newer-api words that nobody here knows\n{}`);
      };
      const times = Math.floor((seconds - 1) / NEWER_EVERY_S);
      const load = await stage.load({
        perSecond: 192,
        seconds,
        events: Array.from({ length: times }, (_, n) => ({ atSecond: (n + 1) * NEWER_EVERY_S, run: ask })),
      });
      await older.leave();
      const replies = await newer.lrange(keys.replies("newer-api"), 0, -1);
      const told = replies.filter((text) => decodeAnswer(text)?.status === "unsupported").length;
      return {
        measured: {
          ...load.measured(),
          "answered by the older replica": older.answered,
          "told to the newer API": `${told} of ${asked}`,
        },
        expectations: [
          countAtMost("failed", load.failed, 0),
          // A third is its share; how much it takes is luck, that it takes some is not.
          countAtLeast("answered by the older replica", older.answered, 20),
          countAtMost("asked in a newer format and left without a word", asked - told, 0),
        ],
      };
    } finally {
      closeRedis(newer);
    }
  },
});
