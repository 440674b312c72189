/** Arrays as rows, and one as fields. */
import type { JobArray } from "../contract/array.ts";
import { formatAge, formatPercent } from "./format.ts";
import { goodputInFull, goodputText } from "./job-table.ts";
import type { Session } from "./session.ts";
import type { Column } from "./table.ts";

export function arrayColumns(session: Session): readonly Column<JobArray>[] {
  const now = session.clock.nowMs();
  return [
    { title: "ID", cell: ({ id }) => id },
    { title: "TASK", cell: ({ task }) => task },
    { title: "STATE", cell: ({ state }) => state },
    { title: "DONE", cell: ({ progress }) => (progress.fraction === null ? "" : formatPercent(progress.fraction)) },
    { title: "ELEMENTS", cell: elementsText },
    { title: "ATTEMPTS", cell: ({ attempts }) => attempts, align: "right", wide: true },
    { title: "LOST", cell: ({ losses }) => losses, align: "right", wide: true },
    { title: "GOODPUT", cell: goodputText, align: "right" },
    { title: "AGE", cell: ({ createdAt }) => formatAge(createdAt, now) },
  ];
}

/** `97 succeeded, 3 failed` */
export function elementsText({ states, count, created }: JobArray): string {
  const parts = Object.entries(states).flatMap(([state, number]) => (number === 0 ? [] : [`${number} ${state}`]));
  const missing = created < count ? [`${count - created} to be made`] : [];
  return [...parts, ...missing].join(", ");
}

export function arrayFields(array: JobArray): [string, string][] {
  const { unsuccessful } = array;
  return [
    ["id", array.id],
    ["task", array.task],
    ["state", array.state],
    ["elements", `${array.count}: ${elementsText(array)}`],
    ["done", array.progress.fraction === null ? "" : formatPercent(array.progress.fraction)],
    ...(unsuccessful.length === 0 ? [] : [["unsuccessful", unsuccessful.join(", ")] as [string, string]]),
    ["attempts", `${array.attempts}, ${array.losses} of them lost`],
    ["goodput", goodputInFull(array.goodput)],
    ["created", array.createdAt],
  ];
}
