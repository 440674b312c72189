/**
 * The system that `npm start` or `cairn dev` runs on a data folder: those who come later find its private Redis
 * there, so that one more worker on this machine needs no address.
 */
import { join } from "node:path";
import { heldNote } from "../launch/folder-lock.mjs";
import { givenSettings, loadConfig, type SettingName } from "../runtime/config.ts";
import type { Session } from "./session.ts";

type Flags = Partial<Record<SettingName, string>>;

/**
 * The settings, with the Redis of the system that runs on the data folder if nobody said another one.
 * @throws TypeError when a setting cannot be read
 */
export function withLocalRedis(session: Pick<Session, "say">, flags: Flags): Flags {
  if (givenSettings(flags).redisUrl !== undefined) return flags;
  const { data } = loadConfig(flags);
  const redisUrl = heldNote(join(data, "run/lock"))?.["redis"];
  if (redisUrl === undefined) return flags;
  session.say(`Redis: ${redisUrl}, of the system that runs on ${data}.`);
  return { ...flags, redisUrl };
}
