/** C6 of redis/connection.ts: a command that was under way when its connection broke is settled, whoever sent it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closeRedis, connectRedis, type ConnectionUse, type RedisClient } from "../../src/redis/connection.ts";
import { eventually } from "../support/eventually.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { SilentNetwork } from "../support/silent-network.ts";

describe("a command that is under way when its connection breaks", () => {
  let server: TestRedis;
  let network: SilentNetwork;
  let client: RedisClient;
  beforeEach(async () => {
    server = await startRedis();
    network = await SilentNetwork.open(server.port);
  });
  afterEach(async () => {
    closeRedis(client);
    await network.close();
    await server.stop();
  });

  const cutOff = async (use: ConnectionUse): Promise<{ readonly command: Promise<unknown> }> => {
    client = connectRedis(network.url, use, "cut-off");
    await eventually("it is connected", () => client.ping().catch(() => null));
    network.swallow("to");
    const command = client.incr("counter").catch((error: unknown) => error);
    await server.kill();
    network.pass();
    await server.restart();
    return { command };
  };

  it("is refused where callers wait for it", async () => {
    const { command } = await cutOff({ kind: "command", commandTimeoutMs: 60_000 });
    expect(await command).toBeInstanceOf(Error);
  });

  it("is sent again where it moves BullMQ's tickets", async () => {
    const { command } = await cutOff({ kind: "bullmq" });
    expect(await command).toBe(1);
  });
});
