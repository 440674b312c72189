/** Times and sizes as people write them in a definition: a number in the unit of the field, or with a unit of its own. */
import { z } from "zod";

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Milliseconds, or text like `500ms`, `30s`, `10m`, `2h`, `1d`. */
export const duration = quantity("time", MS, "a whole number of milliseconds, or text like 500ms, 30s, 10m, 2h");

/** Bytes, or text like `64KiB`, `512MiB`, `2GiB`, `100MB`. */
export const size = quantity("size", BYTES, "a whole number of bytes, or text like 64KiB, 512MiB, 2GiB");

function quantity(title: string, units: Readonly<Record<string, number>>, expected: string) {
  return z
    .union([z.int().min(0), z.string()], { error: `must be ${expected}` })
    .refine((value) => read(value, units) !== null, { error: `must be ${expected}` })
    .meta({ title })
    .transform((value) => read(value, units) ?? 0)
    .meta({ title });
}

function read(value: string | number, units: Readonly<Record<string, number>>): number | null {
  if (typeof value === "number") return value;
  const [, number, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*$/.exec(value) ?? [];
  const factor = units[unit];
  return number === undefined || factor === undefined ? null : Math.round(Number(number) * factor);
}
