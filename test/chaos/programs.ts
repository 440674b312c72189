/**
 * Programs under faults, on a whole fleet: their workers are killed, stopped and left, and the result stays the same
 * bits.
 *
 *   npm run chaos -- programs [--short] [--only NAME]… [--list] [--json]
 *
 * `gromacs` needs GROMACS (`apt-get install gromacs`, 66 MB); without it that scenario says so and fails.
 */
import { runScenarios } from "../support/scenario.ts";
import { chain } from "./programs/chain.ts";
import { contracts, unusual } from "./programs/contracts.ts";
import { gromacs } from "./programs/gromacs.ts";

await runScenarios([chain, contracts, unusual, gromacs]);
