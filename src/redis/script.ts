/**
 * Lua scripts: one file per atomic change, with shared parts put in front.
 *
 * L1 A script is named by the SHA-1 of its whole text; Redis is told the text only when it does not know it.
 * L2 `-- @include name` in a script puts `lib/name.lua` of the same folder there, once; `-- @include other/name` that of
 *    `src/other/scripts/`.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { RedisClient } from "./connection.ts";

export interface Script {
  readonly name: string;
  readonly text: string;
  readonly sha: string;
}

/** What a script may answer: Redis has no other types. */
export type ScriptReply = string | number | null | ScriptReply[];

/**
 * Loads `<folder>/<name>.lua`.
 *
 * @param folder URL of the folder, ending in a slash
 * @param prelude Lua put before everything: tables rendered from `domain`
 */
export function loadScript(folder: URL, name: string, prelude = ""): Script {
  const included = new Set<string>();
  const read = (path: string): string =>
    readFileSync(new URL(path, folder), "utf8").replace(
      /^-- @include (?:([\w-]+)\/)?([\w-]+)$/gm,
      (_line, of: string | undefined, part: string) => {
        const path = `${of === undefined ? "" : `../../${of}/scripts/`}lib/${part}.lua`;
        if (included.has(path)) return "";
        included.add(path);
        return read(path);
      },
    );
  const text = `${prelude}\n${read(`${name}.lua`)}`;
  return { name, text, sha: createHash("sha1").update(text).digest("hex") };
}

/** Runs a script. @throws what Redis answered, with the script's name */
export async function runScript(
  client: RedisClient,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<ScriptReply> {
  try {
    return (await client.evalsha(script.sha, keys.length, ...keys, ...args)) as ScriptReply;
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
    return (await client.eval(script.text, keys.length, ...keys, ...args)) as ScriptReply; // L1
  }
}

/** Renders a flat value as a Lua literal, for preludes. */
export function luaLiteral(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `{${value.map(luaLiteral).join(",")}}`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([key, item]) => `[${JSON.stringify(key)}]=${luaLiteral(item)}`)
      .join(",")}}`;
  }
  throw new TypeError(`no Lua literal for ${typeof value}`);
}
