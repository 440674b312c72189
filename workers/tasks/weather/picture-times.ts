/**
 * When the pictures of a run are due.
 *
 * P1 At the beginning, at every multiple of an interval of model time, and at the end; at most MOST_PICTURES.
 */

/** Pictures of one run, those of the beginning and the end included. */
export const MOST_PICTURES = 32;
/** Model hours between pictures: the first of these with which a run keeps to MOST_PICTURES. */
const INTERVALS_H: readonly number[] = [6, 12, 24, 48, 96, 192, 384];

export interface PictureTimes {
  /** Model steps between pictures. */
  readonly every: number;
  /** Steps of the whole run. */
  readonly steps: number;
}

/** The times for a run of `steps` steps. */
export function pictureTimes(steps: number, stepsPerHour: number): PictureTimes {
  const hours = INTERVALS_H.find((every) => steps / stepsPerHour / every <= MOST_PICTURES - 2) ?? 384;
  return { every: hours * stepsPerHour, steps };
}

/** How many pictures the run has. */
export function pictureCount({ every, steps }: PictureTimes): number {
  return Math.ceil(steps / every) + 1;
}

/** The step at which picture `index`, counted from 0, is due. */
export function pictureStep({ every, steps }: PictureTimes, index: number): number {
  return Math.min(index * every, steps);
}
