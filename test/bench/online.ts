/**
 * What an online request costs, beside what one would use instead.
 *
 *   npm run bench -- online [--short] [--only NAME]… [--list] [--json]
 */
import { runScenarios } from "../support/scenario.ts";
import { besidePeers } from "./online/beside-peers.ts";

await runScenarios([besidePeers]);
