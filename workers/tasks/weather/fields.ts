/** The prognostic fields on all panels, halos included. */
import { direction, dot, PANELS } from "./cubed-sphere.ts";
import type { CubedSphere } from "./cubed-sphere.ts";
import type { TestCase } from "./test-cases.ts";

export interface Fields {
  /** Height of the free surface above the reference, m: depth of the fluid plus height of the ground. */
  readonly surface: Float64Array;
  /** Wind along the y axis of the panel, m/s. */
  readonly windY: Float64Array;
  /** Wind along the z axis of the panel, m/s. */
  readonly windZ: Float64Array;
}

export function emptyFields(grid: CubedSphere): Fields {
  const size = 6 * grid.panelSize;
  return { surface: new Float64Array(size), windY: new Float64Array(size), windZ: new Float64Array(size) };
}

/** The initial state of a test case at the centres of the cells; ghosts are not filled. */
export function initialFields(grid: CubedSphere, test: TestCase): Fields {
  const fields = emptyFields(grid);
  grid.forEachCell((at, index, i, j) => {
    const panel = PANELS[index]!;
    const to = direction(panel, grid.centre(i), grid.centre(j));
    const wind = test.wind(to);
    fields.surface[at] = test.surface(to);
    fields.windY[at] = dot(panel.y, wind);
    fields.windZ[at] = dot(panel.z, wind);
  });
  return fields;
}
