/** Wall clocks that are set while their processes run (`jumping-clock.c`), each by itself. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compiled } from "./compiled.ts";

export class JumpingClocks {
  readonly #folder = mkdtempSync(join(tmpdir(), "cairn-clocks-"));
  readonly library = compiled("jumping-clock", this.#folder);

  /** The variables of a process that goes by the clock `name`. */
  variables(name: string): Readonly<Record<string, string>> {
    writeFileSync(this.#file(name), Buffer.alloc(8));
    return { JUMPING_CLOCK_FILE: this.#file(name) };
  }

  /** From now on it is off by so many seconds. */
  set(name: string, seconds: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    const file = openSync(this.#file(name), "r+");
    writeSync(file, bytes, 0, bytes.length, 0);
    closeSync(file);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }
}
