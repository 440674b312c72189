/** Filters of a list of jobs, as query parameters. */
import type { JobFilter } from "./options.ts";

export function filterQuery(filter: JobFilter): [string, string][] {
  const one = (name: string, value: string | undefined): [string, string][] =>
    value === undefined ? [] : [[name, value]];
  return [
    ...(filter.state ?? []).map((state): [string, string] => ["state", state]),
    ...one("task", filter.task),
    ...one("class", filter.class),
    ...Object.entries(filter.labels ?? {}).map(([key, value]): [string, string] => ["label", `${key}:${value}`]),
    ...one("worker", filter.worker),
    ...one("caller", filter.caller),
    ...one("array", filter.array),
  ];
}
