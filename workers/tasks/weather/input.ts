/** What a weather job is asked for. */
import { z } from "../../../src/index.ts";

export const weatherInput = z.strictObject({
  testCase: z
    .literal([2, 5, 6])
    .describe(
      "Test case of Williamson et al. 1992: 2 steady zonal flow, 5 flow over a mountain, 6 Rossby-Haurwitz wave",
    ),
  resolution: z
    .int()
    .min(8)
    .max(256)
    .describe("Cells along one side of a panel of the cubed sphere: the sphere has 6 × resolution² cells"),
  days: z.number().positive().max(366).describe("Simulated time in days of 86 400 s"),
});

export type WeatherInput = z.infer<typeof weatherInput>;
