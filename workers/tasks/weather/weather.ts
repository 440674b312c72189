/**
 * The batch task `weather`: a standard test of weather models, hours of work at high resolution, interruptible.
 *
 * What is computed is in simulation.ts; here is how it is cut into steps, saved, loaded and shown.
 *
 * W1 A picture has a slice of its own, and the number of those handed out is saved: a resumed run hands out again just
 *    those that no checkpoint committed. The last one is that of the end.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defineBatch, done, more, z } from "../../../src/index.ts";
import type { BatchContext } from "../../../src/index.ts";
import { weatherInput } from "./input.ts";
import type { WeatherInput } from "./input.ts";
import { HeightMap } from "./map/height-map.ts";
import { pictureCount, pictureStep, pictureTimes } from "./picture-times.ts";
import type { PictureTimes } from "./picture-times.ts";
import { Simulation } from "./simulation.ts";
import { decodeHeader, digestOf, encodeHeader, HEADER_FILE, STATE_FILE } from "./state-file.ts";

interface WeatherState {
  readonly simulation: Simulation;
  /** Made for the first picture: it takes longer to build than a checkpoint to load. */
  map: HeightMap | null;
  readonly times: PictureTimes;
  /** Pictures handed out. */
  pictures: number;
}

function begin(input: WeatherInput): WeatherState {
  const simulation = new Simulation(input);
  const times = pictureTimes(simulation.steps, simulation.stepsPerHour);
  return { simulation, map: null, times, pictures: 0 };
}

function show(state: WeatherState, ctx: BatchContext): void {
  const { simulation } = state;
  simulation.model.fillHalo();
  state.map ??= new HeightMap(simulation.grid, simulation.test);
  const hours = Math.round(simulation.hours * 100) / 100;
  const name = `height-${hours.toFixed(2).padStart(7, "0")}h.png`;
  ctx.artifact(name, state.map.draw(simulation.model.fields, simulation.hours));
  state.pictures++;
}

const relativeError = z.strictObject({ relativeError: z.number() });

const weatherOutput = z.strictObject({
  steps: z.int().describe("Time steps computed"),
  digest: z.string().describe("SHA-256 of the final state, in hexadecimal"),
  errors: z
    .strictObject({ l1: z.number(), l2: z.number(), linf: z.number() })
    .nullable()
    .describe("Errors of the height against the exact solution, relative; null where none is known (cases 5 and 6)"),
  mass: relativeError.describe("Change of the mass since the beginning"),
  energy: relativeError.describe("Change of the total energy since the beginning"),
  enstrophy: relativeError.describe("Change of the potential enstrophy since the beginning"),
});

export const weather = defineBatch({
  name: "weather",
  description:
    "Shallow-water equations on the rotating sphere: test cases 2, 5 and 6 of Williamson et al. 1992, " +
    "with maps of the height as artifacts",
  input: weatherInput,
  output: weatherOutput,
  checkpoint: { version: 1, finalState: "kept" },

  init: (input: WeatherInput, ctx) => {
    const state = begin(input);
    const { simulation } = state;
    ctx.progress(0, simulation.steps, "steps");
    ctx.log.info("weather begins", { cells: simulation.grid.cells, stepSeconds: simulation.model.step });
    return state;
  },

  step: (state, ctx) => {
    const { simulation, times, pictures } = state;
    const due = pictureStep(times, pictures);
    if (simulation.step < due) {
      simulation.advance(due);
      ctx.progress(simulation.step, simulation.steps, "steps");
      return more;
    }
    if (pictures < pictureCount(times)) show(state, ctx); // W1
    return state.pictures < pictureCount(times) ? more : done(simulation.summary());
  },

  save: async ({ simulation, pictures }, directory) => {
    const state = simulation.encode();
    const header = encodeHeader({
      format: 1,
      task: "weather",
      node: process.version,
      input: simulation.input,
      step: simulation.step,
      stepSeconds: simulation.model.step,
      pictures,
      digest: digestOf(state),
    });
    await writeFile(join(directory, STATE_FILE), state);
    await writeFile(join(directory, HEADER_FILE), header);
  },

  load: async (directory, input: WeatherInput, ctx) => {
    const header = decodeHeader(await readFile(join(directory, HEADER_FILE), "utf8"));
    if (header.node !== process.version) {
      // D1: an ordinary error, so that the job is tried again, where the version may be the right one.
      throw new Error(
        `this checkpoint was written by Node ${header.node} and this is ${process.version}: the result would match ` +
          `neither version's. Continue it on a worker with ${header.node}, or retry the job from the start`,
      );
    }
    const bytes = await readFile(join(directory, STATE_FILE));
    if (digestOf(bytes) !== header.digest)
      throw new Error(`${STATE_FILE} is not the state that ${HEADER_FILE} describes`);
    const state = begin(input);
    state.simulation.restore(header.step, bytes);
    state.pictures = header.pictures;
    ctx.progress(header.step, state.simulation.steps, "steps");
    ctx.log.info("weather continues", { step: header.step, of: state.simulation.steps });
    return state;
  },
});
