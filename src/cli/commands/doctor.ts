/** `cairn doctor`: is everything in order, and if not, what to do about each. */
import { loadConfig } from "../../runtime/config.ts";
import { addressOptions, adviceWhenAway, findApi } from "../api-address.ts";
import { command, flag, type OptionValues } from "../command.ts";
import { fail, type Finding } from "../doctor/finding.ts";
import { askApi } from "../doctor/fleet.ts";
import { checkNode, checkOpenFiles, readLimits } from "../doctor/machine.ts";
import { EXIT } from "../exit-code.ts";
import { oneLine } from "../format.ts";
import { outputOption, writeJson } from "../output.ts";
import type { Session } from "../session.ts";
import { UsageError } from "../usage-error.ts";
import { withLocalRedis } from "../local-system.ts";
import { settingsOf, settingsOptions } from "../settings-options.ts";

const OPTIONS = {
  rebuild: flag("after a loss of Redis: list the jobs whose records can be made again from the store"),
  adoptStore: flag("make the store here the fleet's, in the place of the one that it has used"),
  apply: flag("with --rebuild: make them"),
  output: outputOption,
  ...addressOptions,
  ...settingsOptions(["redisUrl", "redisPrefix", "store"]),
};
type Options = OptionValues<typeof OPTIONS>;

export const doctor = command({
  name: "doctor",
  group: "Look after workers",
  summary: "check Redis, the store, this machine and the fleet",
  detail:
    "Run it where a worker or an API runs, with the same environment. Exits with 1 when a check failed. With --rebuild it checks nothing: it lists the jobs that left something in the checkpoint store and have no record in Redis, and with --apply makes their records again. A record that exists is never touched. With --adopt-store it checks nothing either: the fleet changes over to the store here, which is refused while workers run, and while an unfinished job has a checkpoint that is not there.",
  does: "asks Redis and the store directly; GET /readyz, GET /v1/workers",
  args: [],
  options: OPTIONS,
  examples: [
    { line: "cairn doctor", does: "a line for each check: ok, warn or fail, and what to do" },
    { line: "cairn doctor --rebuild", does: "what could be saved after the loss of Redis; changes nothing" },
    {
      line: "cairn doctor --adopt-store --store file:/mnt/new",
      does: "after the content of the old store was copied there, with all APIs and workers stopped",
    },
    { line: "cairn doctor --rebuild --apply", does: "makes the records; unfinished jobs go on from their checkpoints" },
  ],
  async run(session, _args, options) {
    if (options.apply && !options.rebuild) throw new UsageError("--apply belongs to --rebuild");
    if (options.adoptStore && options.rebuild) throw new UsageError("--adopt-store and --rebuild are done one by one");
    if (options.rebuild) return rebuildRecords(session, options);
    if (options.adoptStore) return adoptStore(session, options);
    const findings = [...machineFindings(), ...(await configuredFindings(session, options))];
    if (options.output === "json") await writeJson(session, { items: findings });
    else await session.out(findings.map((finding) => findingLines(session, finding)).join(""));
    const count = (verdict: Finding["verdict"]): number => findings.filter((one) => one.verdict === verdict).length;
    session.say(`${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} to mend.`);
    return count("fail") === 0 ? EXIT.ok : EXIT.error;
  },
});

function machineFindings(): Finding[] {
  return [checkNode(process.versions.node), ...checkOpenFiles(readLimits())];
}

/** @throws TypeError when the configuration cannot be read; what Redis or the store say */
async function rebuildRecords(session: Session, options: Options): Promise<number> {
  const { rebuild } = await import("../doctor/rebuild.ts");
  const { storeAccessFrom } = await import("../../checkpoints/checkpoints.ts");
  const config = loadConfig(withLocalRedis(session, settingsOf(options)));
  return rebuild(session, {
    redisUrl: config.redisUrl,
    redisPrefix: config.redisPrefix,
    storeUrl: config.store,
    access: storeAccessFrom(config),
    mode: options.apply ? "apply" : "look",
    form: options.output ?? "table",
  });
}

/** @throws TypeError when the configuration cannot be read; what Redis or the store say */
async function adoptStore(session: Session, options: Options): Promise<number> {
  const { adoptFleetStore } = await import("../doctor/fleet-store.ts");
  const { storeAccessFrom } = await import("../../checkpoints/checkpoints.ts");
  const config = loadConfig(withLocalRedis(session, settingsOf(options)));
  return adoptFleetStore(session, { ...config, storeUrl: config.store, access: storeAccessFrom(config) });
}

/** All that needs a configuration that can be read. */
async function configuredFindings(session: Session, options: Options): Promise<Finding[]> {
  // Not before they are needed: no other command speaks to Redis or a store, and each would start slower for it.
  const { askRedis } = await import("../doctor/ask-redis.ts");
  const { checkStore } = await import("../doctor/store.ts");
  const { checkFleetStore } = await import("../doctor/fleet-store.ts");
  const { storeAccessFrom } = await import("../../checkpoints/checkpoints.ts");
  let config: ReturnType<typeof loadConfig>;
  let access: ReturnType<typeof storeAccessFrom>;
  try {
    config = loadConfig(withLocalRedis(session, settingsOf(options)));
    access = storeAccessFrom(config);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [fail("configuration", reason, "Mend the variable, the .env file or the option.")];
  }
  const address = findApi(config);
  const client = session.client({ api: config.api, data: config.data });
  const { redisUrl, onlineRedisUrl, durability, store } = config;
  const servers = [...new Set([redisUrl, onlineRedisUrl])];
  const parts = await Promise.all([
    ...servers.map(async (url) => await askRedis({ url, durability, clock: session.clock })),
    checkStore(store, access),
    checkFleetStore({ ...config, storeUrl: store, access }),
    askApi({ client, address: { known: address.known, advice: adviceWhenAway(address, session.typed) } }),
  ]);
  return parts.flat();
}

function findingLines(session: Session, { check, verdict, found, advice }: Finding): string {
  const { green, yellow, red } = session.colors;
  const paint = { ok: green, warn: yellow, fail: red }[verdict];
  const line = `${paint(verdict.padEnd(4))}  ${check.padEnd(24)}  ${oneLine(found)}\n`;
  return advice === null ? line : `${line}      ${" ".repeat(24)}  → ${oneLine(advice)}\n`;
}
