/** Which Node.js Cairn needs. */

/** Major and minor version, as in `engines` of package.json. */
export const OLDEST_NODE = [20, 19] as const;

/** Is a version such as `20.20.0` new enough? */
export function isNodeNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldest, oldestMinor] = OLDEST_NODE;
  return major > oldest || (major === oldest && minor >= oldestMinor);
}
