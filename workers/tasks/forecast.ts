/**
 * The online task `forecast`: the weather at a place, from a simulation that is still running.
 *
 * It reads the latest committed checkpoint of a `weather` job. A checkpoint is decoded once and then kept by the hash
 * of its manifest, so that asking again costs an interpolation.
 */
import { defineOnline, InputRefused, z } from "../../src/index.ts";
import type { CheckpointView, OnlineTask } from "../../src/index.ts";
import { Recent } from "./recent.ts";
import { Snapshot } from "./weather/snapshot.ts";
import { decodeHeader, HEADER_FILE, STATE_FILE } from "./weather/state-file.ts";

/** Decoded checkpoints kept: at resolution 64 each takes 0.8 MB, at the highest 11 MB. */
const SNAPSHOTS_KEPT = 8;

const forecastInput = z.strictObject({
  job: z.string().min(1).describe("Id of a weather job"),
  latitude: z.number().min(-90).max(90).describe("Degrees north"),
  longitude: z.number().min(-180).max(360).describe("Degrees east"),
});

const forecastOutput = z.strictObject({
  checkpoint: z.int().describe("Number of the checkpoint that was read"),
  modelHours: z.number().describe("Model time of that checkpoint, hours since the initial state"),
  height: z.number().describe("Height of the free surface, m"),
  wind: z.strictObject({
    east: z.number().describe("Wind towards the east, m/s"),
    north: z.number().describe("Wind towards the north, m/s"),
  }),
});

export type ForecastInput = z.infer<typeof forecastInput>;
export type ForecastOutput = z.infer<typeof forecastOutput>;

async function readSnapshot(job: string, checkpoint: CheckpointView): Promise<Snapshot> {
  if (!checkpoint.files.includes(HEADER_FILE) || !checkpoint.files.includes(STATE_FILE)) {
    throw new InputRefused(`job ${job} is not a weather job: its checkpoint has no ${HEADER_FILE} and ${STATE_FILE}`);
  }
  const [header, state] = await Promise.all([checkpoint.read(HEADER_FILE), checkpoint.read(STATE_FILE)]);
  return new Snapshot(decodeHeader(new TextDecoder().decode(header)), state);
}

/** Makes the task, with a cache of its own. */
export function createForecast(): OnlineTask<ForecastInput, ForecastOutput> {
  const snapshots = new Recent<string, Snapshot>(SNAPSHOTS_KEPT);
  return defineOnline({
    name: "forecast",
    description: "Height and wind at a place, from the latest checkpoint of a weather job",
    input: forecastInput,
    output: forecastOutput,
    idempotent: true,
    run: async ({ job, latitude, longitude }, ctx) => {
      const checkpoint = await ctx.latestCheckpoint(job);
      if (checkpoint === null) {
        throw new InputRefused(`job ${job} has no checkpoint yet: ask again when one is committed`);
      }
      const snapshot = await snapshots.get(checkpoint.manifestSha256, () => readSnapshot(job, checkpoint));
      const { surface, east, north } = snapshot.at(latitude, longitude);
      return { checkpoint: checkpoint.seq, modelHours: snapshot.modelHours, height: surface, wind: { east, north } };
    },
  });
}

export const forecast = createForecast();
