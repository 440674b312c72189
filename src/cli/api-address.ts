/**
 * Where the API is: `--api`, else CAIRN_API, else what a running API wrote into `<data>/run/api.json`, else the
 * default port on this machine.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { value } from "./command.ts";
import { UsageError } from "./usage-error.ts";
import { readText } from "./values.ts";

/** For every command that speaks to the API. */
export const addressOptions = {
  api: value("url", "address of the API; else CAIRN_API, else that of the API running on --data", readText),
  data: value("folder", "data folder of the API on this machine; default CAIRN_DATA or .cairn", readText),
};

export interface ApiAddress {
  readonly url: string;
  /** Where it was found, in words. */
  readonly source: string;
  /** Somebody said so; else it is a guess. */
  readonly known: boolean;
}

/** @throws UsageError when what was given is no address */
export function findApi(config: {
  readonly api?: string | undefined;
  readonly data: string;
  readonly port: number;
}): ApiAddress {
  if (config.api !== undefined)
    return { url: checkUrl(config.api), source: "given by --api or CAIRN_API", known: true };
  const file = join(config.data, "run/api.json");
  const noted = readNote(file);
  if (noted !== null) return { url: noted, source: `noted in ${file}`, known: true };
  return {
    url: `http://127.0.0.1:${config.port === 0 ? 8080 : config.port}`,
    source: `the default; there is no ${file}`,
    known: false,
  };
}

function checkUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new UsageError(`"${text}" is not the address of an API: write http://host:port`);
  }
  return text.replace(/\/+$/, "");
}

function readNote(file: string): string | null {
  try {
    const note: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof note === "object" && note !== null && "url" in note && typeof note.url === "string" ? note.url : null;
  } catch {
    // There is none, or it is being written: as if nobody had started an API here.
    return null;
  }
}

/** What to do when nobody answers at `address`. */
export function adviceWhenAway({ source }: ApiAddress, typed: string): string {
  return (
    `That address is ${source}. Is the API running? \`npm start\` or \`${typed} dev\` start everything on this machine, ` +
    `\`${typed} api\` starts the API alone; --api or CAIRN_API name another one. \`${typed} doctor\` looks closer.`
  );
}
