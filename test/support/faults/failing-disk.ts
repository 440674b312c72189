/** Orders to `failing-disk.c`: what is written below a folder fails, in every process that has it preloaded. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { compiled } from "./compiled.ts";

const BYTES = 16;
/** Stands for no error: see `failing-disk.c`. */
const HANGS = 65_535;
export type DiskError = "EIO" | "ENOSPC" | "EROFS";

export class FailingDisk {
  readonly #folder: string;
  readonly #orders: string;
  readonly library: string;
  readonly variables: Readonly<Record<string, string>>;

  /** @param root everything below it fails @throws when there is no C compiler */
  constructor(root: string) {
    this.#folder = mkdtempSync(join(tmpdir(), "cairn-failing-"));
    this.library = compiled("failing-disk", this.#folder);
    this.#orders = join(this.#folder, "orders");
    writeFileSync(this.#orders, Buffer.alloc(BYTES));
    this.variables = { FAILING_DISK_ROOT: root, FAILING_DISK_ORDERS: this.#orders };
  }

  /**
   * From now on so many of a thousand calls fail.
   * @param reads whether reading fails too
   */
  fail(error: DiskError, permille: number, reads: "writes" | "reads too"): void {
    this.#order(constants.errno[error], permille, reads === "writes" ? 0 : 1);
  }

  /** From now on nothing is answered. */
  hang(): void {
    this.#order(HANGS, 1_000, 1);
  }

  heal(): void {
    this.#order(0, 0, 0);
  }

  /** Calls that have failed so far. */
  get failed(): number {
    return readFileSync(this.#orders).readUInt32LE(12);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Written into what is mapped, number by number. */
  #order(...numbers: readonly number[]): void {
    const bytes = Buffer.alloc(numbers.length * 4);
    numbers.forEach((number, at) => bytes.writeUInt32LE(number, at * 4));
    const file = openSync(this.#orders, "r+");
    writeSync(file, bytes, 0, bytes.length, 0);
    closeSync(file);
  }
}
