/**
 * Keeps other sites' pages out: a browser on the operator's machine reaches an API on localhost too.
 *
 * G1 A change is taken from a browser only when the page is one of ours: no CORS, no exceptions. Programs send neither
 *    `Origin` nor `Sec-Fetch-Site` and are not concerned.
 * G2 An API that listens on loopback answers only under names that nobody else's DNS can point there.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { problem, type Problem } from "../src/contract/problem.ts";

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const KEPT_HOSTS = 256;

/** What the guard looks at. */
export interface GuardedHead {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion: string;
}

export class SiteGuard {
  readonly #loopbackOnly: boolean;
  readonly #publicHost: string | null;
  /** Names that were found good, since the same few come all the time. */
  readonly #good = new Set<string>();

  /**
   * @param options.listenHost the address the API listens on
   * @param options.publicUrl the address clients use, when something stands in front
   */
  constructor(options: { readonly listenHost: string; readonly publicUrl: string | null }) {
    this.#loopbackOnly = isLoopback(options.listenHost);
    this.#publicHost = options.publicUrl === null ? null : new URL(options.publicUrl).host.toLowerCase();
  }

  /** The problem of a request that must not go further, or null. */
  check(request: GuardedHead): Problem | null {
    const { host } = request.headers;
    if (host === undefined) {
      // Probes of older load balancers; a browser always says whom it means.
      if (request.httpVersion === "1.0") return null;
      return problem("malformed_http", "HTTP/1.1 demands a Host header");
    }
    if (!this.#good.has(host)) {
      if (!this.#mayAnswerTo(host)) return problem("unknown_host", `the Host header is ${JSON.stringify(host)}`); // G2
      if (this.#good.size >= KEPT_HOSTS) this.#good.clear();
      this.#good.add(host);
    }
    if (SAFE_METHODS.has(request.method)) return null;
    const site = request.headers["sec-fetch-site"];
    if (typeof site === "string" && site !== "same-origin" && site !== "none") {
      return problem("forbidden_origin", `the request comes from a page of another site (Sec-Fetch-Site: ${site})`); // G1
    }
    const { origin } = request.headers;
    if (origin !== undefined && !this.#isOwn(origin, host)) {
      return problem("forbidden_origin", `the request comes from a page of ${JSON.stringify(origin)}`); // G1
    }
    return null;
  }

  #isOwn(origin: string, host: string): boolean {
    const from = /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1];
    return from !== undefined && (from === host.toLowerCase() || from === this.#publicHost);
  }

  #mayAnswerTo(host: string): boolean {
    const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/.exec(host);
    const name = match?.[1]?.toLowerCase();
    if (name === undefined) return false;
    if (!this.#loopbackOnly || host.toLowerCase() === this.#publicHost) return true;
    // A name with a dot is somebody's DNS; one without is the machine's or a container's.
    return name.startsWith("[") || isIP(name) !== 0 || !name.includes(".") || name.endsWith(".localhost");
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
