/** The colours of the maps: RdYlBu of ColorBrewer 2.0 (Brewer, Harrower; Apache-2.0), from low (blue) to high (red). */
import type { Colour } from "./canvas.ts";

const STOPS: readonly Colour[] = [
  [49, 54, 149],
  [69, 117, 180],
  [116, 173, 209],
  [171, 217, 233],
  [224, 243, 248],
  [255, 255, 191],
  [254, 224, 144],
  [253, 174, 97],
  [244, 109, 67],
  [215, 48, 39],
  [165, 0, 38],
];

/** The colour at `fraction` 0 … 1 of the scale. */
export function colourAt(fraction: number): Colour {
  const position = Math.min(1, Math.max(0, fraction)) * (STOPS.length - 1);
  const index = Math.min(STOPS.length - 2, Math.floor(position));
  const [low, high] = [STOPS[index]!, STOPS[index + 1]!];
  const mix = (k: 0 | 1 | 2): number => Math.round(low[k] + (high[k] - low[k]) * (position - index));
  return [mix(0), mix(1), mix(2)];
}

/** One colour for each of `count` bands, low to high. */
export function bandColours(count: number): Colour[] {
  return Array.from({ length: count }, (_, band) => colourAt(count === 1 ? 0.5 : band / (count - 1)));
}

export const PAPER: Colour = [255, 255, 255];
