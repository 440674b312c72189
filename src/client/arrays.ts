/** Arrays of jobs, for the SDK. */
import type { ArrayOrder, ArraySpec, JobArray } from "../contract/array.ts";
import type { SubmitRequest } from "../contract/job.ts";
import type { Http } from "./http.ts";
import type { ArrayVerb, CallOptions, SubmitOptions } from "./options.ts";
import { eachItem, pageQuery, type Page, type PageRequest } from "./pages.ts";
import { submissionCall } from "./submission.ts";

/** A body of POST /v1/jobs; the input is a template, or is left out when the elements bring their own. */
export type ArrayRequest = Omit<SubmitRequest, "input"> & { readonly input?: SubmitRequest["input"] };

export class ArrayClient {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Submits an array. The same key gets the same array. */
  async submit(request: ArrayRequest, array: ArraySpec, options: SubmitOptions = {}): Promise<JobArray> {
    return (await this.#http.json(submissionCall({ ...request, array }, options, {}))).body as JobArray;
  }

  async get(id: string, options: CallOptions = {}): Promise<JobArray> {
    const call = { method: "GET", path: pathOf(id), repeatability: "safe", ...options } as const;
    return (await this.#http.json(call)).body as JobArray;
  }

  /** All arrays, newest first. */
  list(options: CallOptions = {}): AsyncGenerator<JobArray> {
    return eachItem(async (page) => await this.page(page, options));
  }

  async page(page: PageRequest = {}, options: CallOptions = {}): Promise<Page<JobArray>> {
    const call = { method: "GET", path: "/v1/arrays", query: pageQuery(page), repeatability: "safe" } as const;
    return (await this.#http.json({ ...call, ...options })).body as Page<JobArray>;
  }

  /** Gives an order to all elements that it is for. Asked again it finishes what was left. */
  async control(id: string, verb: ArrayVerb, options: CallOptions = {}): Promise<ArrayOrder> {
    const call = { method: "POST", path: `${pathOf(id)}/${verb}`, repeatability: "once", ...options } as const;
    return (await this.#http.json(call)).body as ArrayOrder;
  }
}

function pathOf(id: string): string {
  return `/v1/arrays/${encodeURIComponent(id)}`;
}
