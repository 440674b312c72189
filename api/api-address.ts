/** Where the running API of this machine is found: `<data>/run/api.json`. */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface ApiAddress {
  readonly url: string;
  readonly pid: number;
}

/** The URL of a listening address, as somebody on this machine would type it. */
export function urlOf({ address, port }: Pick<AddressInfo, "address" | "port">): string {
  const host = address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "[::1]" : address;
  return `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`;
}

/** Writes the file in one step: a reader sees the old one or the new one. */
export async function announce(data: string, address: ApiAddress): Promise<void> {
  const folder = join(data, "run");
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.api.json.${address.pid}`);
  await writeFile(temporary, `${JSON.stringify(address)}\n`);
  await rename(temporary, join(folder, "api.json"));
}

/** Removes the file, unless another API has taken its place. */
export async function withdraw(data: string, pid: number): Promise<void> {
  const path = join(data, "run", "api.json");
  try {
    const known = JSON.parse(await readFile(path, "utf8")) as Partial<ApiAddress>;
    if (known.pid === pid) await rm(path, { force: true });
  } catch {
    // There is none, or it cannot be read: it is not ours.
  }
}
