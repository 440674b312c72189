/**
 * The fence of an attempt: what makes an older attempt's writes refusable.
 *
 * F1 Fences of one job grow strictly: (generation, counter) is compared as a pair.
 * F2 Every script demands that generation, counter and the attempt's random token all equal the record's.
 * F3 The generation is raised when Redis has lost its memory, so a rolled-back Redis cannot hand out a fence twice.
 */
export interface Fence {
  readonly generation: number;
  readonly counter: number;
  /** Random, made for this attempt alone. */
  readonly token: string;
}

/** The public form, `generation.counter`: what handlers see and may hand to outside systems. */
export function fenceText(fence: Fence): string {
  return `${fence.generation}.${fence.counter}`;
}

/** Reads the public form. */
export function parseFenceText(text: string): { readonly generation: number; readonly counter: number } | null {
  const match = /^(\d+)\.(\d+)$/.exec(text);
  return match === null ? null : { generation: Number(match[1]), counter: Number(match[2]) };
}

/** F1: negative when `a` is older than `b`, 0 when they are of the same attempt. */
export function compareFences(
  a: Pick<Fence, "generation" | "counter">,
  b: Pick<Fence, "generation" | "counter">,
): number {
  return a.generation - b.generation || a.counter - b.counter;
}
