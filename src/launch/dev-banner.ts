/** What `npm start` says when everything serves. */

const JSON_HEADER = "-H 'content-type: application/json'";

export interface DevFacts {
  readonly url: string;
  readonly redisUrl: string;
  readonly redisIs: "private" | "given";
  readonly workers: readonly string[];
  readonly dataDir: string;
}

export function devBanner(facts: DevFacts): string {
  const { url, redisUrl, redisIs, workers, dataDir } = facts;
  return [
    "",
    "Cairn is up.",
    "",
    `  API      ${url}`,
    // A given one may carry a password.
    `  Redis    ${redisIs === "private" ? `${redisUrl}   (private, data in ${dataDir}/redis)` : "as CAIRN_REDIS_URL says"}`,
    `  Workers  ${workers.join("  ")}`,
    `  Logs     ${dataDir}/logs`,
    "",
    "An online request:",
    `  curl -s ${url}/v1/tasks/echo/invoke ${JSON_HEADER} -d '{"hello":"world"}'`,
    "A batch job, 30 steps of a second each, and how it goes:",
    `  curl -s ${url}/v1/jobs ${JSON_HEADER} -d '{"task":"count","input":{"steps":30,"stepMs":1000}}'`,
    `  curl -s ${url}/v1/jobs`,
    "",
    "Ctrl-C stops it. Running jobs are checkpointed, and go on at the next start.",
    "",
  ].join("\n");
}
