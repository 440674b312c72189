/**
 * What `npm start` and `npm test` do first: everything that a fresh clone on a fresh machine lacks. The second time
 * there is nothing to do, and it takes a fraction of a second.
 *
 * Plain JavaScript without packages, down to the oldest Node that can read it: it has to say that Node is too old.
 */
import { build, BuildFailed } from "./build.mjs";
import { installPackages } from "./install-packages.mjs";
import { provideRedis } from "./install-redis.mjs";

/** Oldest version of Node, as in `engines` of package.json. */
const OLDEST_NODE = { major: 20, minor: 19 };

/** Something that the person at the terminal has to do; the message says what. */
export class CannotPrepare extends Error {}

/**
 * @param {string} version as `process.versions.node`
 */
export function isNodeNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > OLDEST_NODE.major || (major === OLDEST_NODE.major && minor >= OLDEST_NODE.minor);
}

/**
 * Waits for all, also when one fails: nothing goes on behind an error that was told.
 * @template {readonly unknown[]} Tasks
 * @param {readonly [...Tasks]} tasks
 * @returns {Promise<{-readonly [Index in keyof Tasks]: Awaited<Tasks[Index]>}>}
 */
async function allOrFirstError(tasks) {
  await Promise.allSettled(tasks);
  return Promise.all(tasks);
}

/**
 * @param {object} options
 * @param {string} options.root the repository
 * @param {"private" | "none"} options.redis whether a Redis server of our own will be started
 * @param {(line: string) => void} options.say gets a line about whatever takes time
 * @param {import("./guarded.mjs").Guard} options.guard ends what is started here, if we are ended
 * @returns {Promise<{server: import("./find-redis.mjs").RedisServer | null}>}
 * @throws {CannotPrepare}
 */
export async function prepare({ root, redis, say, guard }) {
  if (!isNodeNewEnough(process.versions.node)) {
    throw new CannotPrepare(
      `Cairn needs Node.js ${OLDEST_NODE.major}.${OLDEST_NODE.minor} or newer; this is ${process.versions.node}.`,
    );
  }
  /** @param {number} pid */
  const onSpawn = (pid) => guard.watch(pid);
  try {
    const [server] = await allOrFirstError([
      // The package manager is not watched: killed half-way it would leave the system's packages broken.
      redis === "private" ? provideRedis(say) : null,
      installPackages({ root, say, onSpawn }),
    ]);
    const built = await build({ root, say, onSpawn });
    if (built.kind === "built") say(`Built in ${(built.tookMs / 1_000).toFixed(1)} s.`);
    return { server };
  } catch (error) {
    if (error instanceof BuildFailed) throw new CannotPrepare(`The sources do not compile. ${error.message}`);
    throw error instanceof Error ? new CannotPrepare(error.message, { cause: error }) : error;
  }
}
