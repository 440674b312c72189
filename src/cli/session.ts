/**
 * What a command has of the world: where data and words go, and the way to the API.
 *
 * N1 Data goes to standard output and words to standard error, so that a pipe carries data alone.
 * N2 What came over the wire is shown without its control characters: nobody's job may write to the terminal. Raw
 *    output (logs, artifacts, JSON) goes out as it is.
 */
import type pc from "picocolors";
import type { CairnClient } from "../client/client.ts";
import type { Clock } from "../runtime/clock.ts";

export interface Session {
  /** Writes data as it is. */
  readonly out: (data: string | Uint8Array) => Promise<void>;
  /** Writes a line of words. */
  readonly say: (line: string) => void;
  /** Writes words as they are, for what is drawn again and again. */
  readonly draw: (text: string) => void;
  /** Is somebody looking, at the data and at the words? */
  readonly terminal: { readonly out: boolean; readonly err: boolean; readonly columns: number };
  readonly colors: ReturnType<typeof pc.createColors>;
  readonly readStdin: () => Promise<string>;
  readonly clock: Clock;
  /** How this program was called, for what is suggested to be typed next. */
  readonly typed: "cairn" | "npx cairn";
  /** @throws UsageError when there is no usable address */
  readonly client: (options: AddressOptions) => CairnClient;
  /** Runs another program of this package in this one's place, with its settings in the environment. */
  readonly become: (program: Program, environment: NodeJS.ProcessEnv, args?: readonly string[]) => Promise<number>;
}

export type Program = "api" | "worker" | "store" | "simulate";

export interface AddressOptions {
  readonly api: string | undefined;
  readonly data: string | undefined;
}
