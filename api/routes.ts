/** The table of all routes: routing, the answers 404 and 405, and the OpenAPI document come from it. */
import type { Route } from "./route.ts";
import { arrayRoutes } from "./routes/arrays.ts";
import { fleetRoutes } from "./routes/fleet.ts";
import { historyRoutes } from "./routes/history.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import { serviceRoutes } from "./routes/service.ts";
import { taskRoutes } from "./routes/tasks.ts";

/** In the order of the document. A fixed path stands before one with a part in its place: `/v1/jobs/bulk`. */
export const ROUTES: readonly Route[] = [
  ...jobRoutes,
  ...arrayRoutes,
  ...scheduleRoutes,
  ...historyRoutes,
  ...taskRoutes,
  ...fleetRoutes,
  ...serviceRoutes,
];
