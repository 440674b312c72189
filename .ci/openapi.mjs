// Writes the OpenAPI document, as the API serves it, to the file that is named.
import { writeFileSync } from "node:fs";
import { renderOpenApi } from "../dist/api/openapi.js";
import { ROUTES } from "../dist/api/routes.js";

writeFileSync(
  process.argv[2],
  JSON.stringify(renderOpenApi({ routes: ROUTES, version: "0.0.0", serverUrl: "/" }), null, 2),
);
