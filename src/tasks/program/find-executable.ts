/** Finds executables on this machine. */
import { constants } from "node:fs";
import { access, open } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/** What the kernel reads of the first line of a script. */
const LINE_BYTES = 256;

type Environment = Readonly<Partial<Record<string, string>>>;

/** The path of an executable, by the PATH of `environment`; null: there is none. */
export async function findExecutable(name: string, environment: Environment): Promise<string | null> {
  const places = name.includes("/") ? [""] : (environment["PATH"] ?? "").split(delimiter).filter(isAbsolute);
  for (const place of places) {
    const path = place === "" ? name : join(place, name);
    if (await mayExecute(path)) return path;
  }
  return null;
}

/**
 * What a script is to be run by, when that is not on this machine: the kernel says of it that the script itself is not
 * there. @returns what is wrong with its first line; null: nothing, or it is no script
 */
export async function interpreterFault(path: string, environment: Environment): Promise<string | null> {
  const line = await firstLineOf(path);
  if (line?.startsWith("#!") !== true) return null;
  const [interpreter = "", argument = ""] = line
    .slice(2)
    .trim()
    .split(/[ \t]+/);
  if (interpreter === "") return null;
  if (line.endsWith("\r")) {
    return `its first line, ${line.trimEnd()}, ends as lines do on Windows (CR LF), which is taken for a part of the name; save it with plain line ends`;
  }
  const sought = interpreter.endsWith("/env") && /^[^-=]+$/.test(argument) ? argument : interpreter;
  for (const name of new Set([interpreter, sought])) {
    if ((await findExecutable(name, environment)) !== null) continue;
    return `its first line is ${line}, and ${name} is not on this machine; install it, or correct the line`;
  }
  return null;
}

async function mayExecute(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function firstLineOf(path: string): Promise<string | null> {
  const file = await open(path, "r").catch(() => null);
  if (file === null) return null; // Executable, not readable: it is no script.
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(LINE_BYTES), 0, LINE_BYTES, 0);
    return buffer.toString("latin1", 0, bytesRead).split("\n")[0] ?? null;
  } catch {
    return null;
  } finally {
    await file.close();
  }
}
