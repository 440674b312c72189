/** Schedules, for the SDK. */
import type { z } from "zod";
import type { putScheduleSchema, Schedule } from "../contract/schedule.ts";
import type { Http } from "./http.ts";
import type { CallOptions } from "./options.ts";
import { eachItem, pageQuery, type Page } from "./pages.ts";

export type ScheduleRequest = z.input<typeof putScheduleSchema>;

export class ScheduleClient {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Makes or changes a schedule. */
  async put(name: string, schedule: ScheduleRequest, options: CallOptions = {}): Promise<Schedule> {
    const call = { method: "PUT", path: pathOf(name), body: schedule, repeatability: "safe", ...options } as const;
    return (await this.#http.json(call)).body as Schedule;
  }

  async get(name: string, options: CallOptions = {}): Promise<Schedule> {
    const call = { method: "GET", path: pathOf(name), repeatability: "safe", ...options } as const;
    return (await this.#http.json(call)).body as Schedule;
  }

  /** All schedules, by name. */
  list(options: CallOptions = {}): AsyncGenerator<Schedule> {
    return eachItem(async (page) => {
      const call = { method: "GET", path: "/v1/schedules", query: pageQuery(page), repeatability: "safe" } as const;
      return (await this.#http.json({ ...call, ...options })).body as Page<Schedule>;
    });
  }

  /** Deletes a schedule; its jobs stay. */
  async remove(name: string, options: CallOptions = {}): Promise<void> {
    await this.#http.empty({ method: "DELETE", path: pathOf(name), repeatability: "once", ...options });
  }
}

function pathOf(name: string): string {
  return `/v1/schedules/${encodeURIComponent(name)}`;
}
