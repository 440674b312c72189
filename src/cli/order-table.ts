/** Orders to a job, and its events, as rows. */
import type { JobEventView } from "../contract/job.ts";
import type { JobOrder } from "./job-orders.ts";
import type { Column } from "./table.ts";

export const orderColumns: readonly Column<JobOrder>[] = [
  { title: "AT", cell: ({ at }) => at },
  { title: "BY", cell: ({ by }) => by },
  { title: "ORDER", cell: ({ order }) => order },
  { title: "WHAT BECAME OF IT", cell: ({ effect }) => effect ?? "nothing yet" },
];

export const eventColumns: readonly Column<JobEventView>[] = [
  { title: "EVENT", cell: ({ id }) => id, align: "right" },
  { title: "AT", cell: ({ at }) => at },
  { title: "WHAT", cell: ({ type }) => type },
  { title: "STATE", cell: ({ state }) => state },
  { title: "REASON", cell: ({ reason }) => reason },
  { title: "DETAILS", cell: ({ data }) => detailsText(data) },
];

function detailsText(data: JobEventView["data"]): string {
  return Object.entries(data)
    .filter(([, value]) => value !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1)) // They come in any order.
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}
