/**
 * Calls an API as any program may, and holds every answer against the API's own OpenAPI document: status, media type,
 * headers and body. So whatever a test asks, it also tests the document.
 */
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { Problem } from "../../src/contract/problem.ts";

export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is; an object is sent as JSON. */
  readonly body?: string | Buffer | object;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

type Tree = { [key: string]: Tree } | Tree[] | string | number | boolean | null;

export class ApiCaller {
  readonly url: string;
  readonly document: Tree;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();

  private constructor(url: string, document: Tree) {
    this.url = url;
    this.document = document;
    this.#ajv.addSchema({ $id: "api", ...(closed(document) as object) });
  }

  static async open(url: string): Promise<ApiCaller> {
    const response = await fetch(`${url}/openapi.json`);
    return new ApiCaller(url, (await response.json()) as Tree);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Calls, and checks the answer against the document. */
  async call(call: Call): Promise<Reply> {
    const reply = await this.send(call);
    this.#check(call, reply);
    return reply;
  }

  /** The body of an answer that has this status. */
  async json<T>(status: number, call: Call): Promise<T> {
    const reply = await this.call(call);
    if (reply.status !== status) throw new Error(`${reply.status} instead of ${status}: ${reply.text}`);
    return JSON.parse(reply.text) as T;
  }

  /** The problem of a refusal. */
  async problem(call: Call): Promise<Problem & { readonly headers: IncomingHttpHeaders }> {
    const reply = await this.call(call);
    if (reply.status < 400) throw new Error(`${reply.status}, though a refusal was expected: ${reply.text}`);
    return { ...(JSON.parse(reply.text) as Problem), headers: reply.headers };
  }

  /** Calls, and checks nothing. */
  async send(call: Call): Promise<Reply> {
    const { method = "GET", path, headers = {}, body } = call;
    const isJson = typeof body === "object" && !Buffer.isBuffer(body);
    const payload = isJson ? JSON.stringify(body) : body;
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(
        `${this.url}${path}`,
        {
          method,
          agent: this.#agent,
          headers: {
            ...(isJson ? { "content-type": "application/json" } : {}),
            ...(payload === undefined ? {} : { "content-length": String(Buffer.byteLength(payload)) }),
            ...headers,
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("error", reject);
          incoming.on("end", () => {
            const { statusCode = 0, headers: received } = incoming;
            resolve({ status: statusCode, headers: received, text: Buffer.concat(chunks).toString("utf8") });
          });
        },
      );
      outgoing.on("error", reject);
      outgoing.end(payload);
    });
  }

  /** Sends bytes as they are, and reads until the connection closes. */
  async raw(bytes: string): Promise<Reply> {
    const { hostname, port } = new URL(this.url);
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write(bytes));
      let received = "";
      socket.on("data", (chunk) => (received += chunk.toString("utf8")));
      socket.on("close", () => resolve(received));
      socket.on("error", reject);
    });
    const [head = "", body = ""] = text.split("\r\n\r\n");
    const [first = "", ...lines] = head.split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
    );
    const reply = { status: Number(first.split(" ")[1]), headers, text: body };
    this.#checkBody("components/schemas/Problem", reply);
    return reply;
  }

  #check(call: Call, reply: Reply): void {
    const said = `${call.method ?? "GET"} ${call.path} → ${reply.status}`;
    const type = (reply.headers["content-type"] ?? "").split(";")[0] ?? "";
    if (reply.headers["x-request-id"] === undefined) throw new Error(`${said}: no request id`);
    if (reply.headers["cache-control"] !== "no-store") throw new Error(`${said}: may be cached`);
    if (reply.headers["x-powered-by"] !== undefined) throw new Error(`${said}: tells what it is made of`);
    if (reply.status >= 400 && type !== "application/problem+json") throw new Error(`${said}: is ${type}`);
    const place = this.#operation(call);
    if (place === null || reply.status === 405) {
      if (reply.status >= 500 || (reply.status < 400 && reply.status !== 204)) {
        throw new Error(`${said}: there is no such operation in the document`);
      }
      if (reply.status !== 204) this.#checkBody("components/schemas/Problem", reply);
      return;
    }
    const responses = at(this.document, [...place, "responses"]);
    const status =
      at(responses, [String(reply.status)]) === undefined && reply.status >= 400 ? "default" : String(reply.status);
    const response = at(responses, [status]);
    if (response === undefined) throw new Error(`${said}: the document does not know this status: ${reply.text}`);
    const content = at(response, ["content"]);
    if (call.method === "HEAD" || (content === undefined && reply.text === "")) return;
    const media = at(content, [type]);
    if (media === undefined) throw new Error(`${said}: the document does not know ${type} here`);
    const schema = [...place, "responses", status, "content", type, "schema"].map(escape).join("/");
    if (type === "application/x-ndjson" || type === "text/event-stream") {
      for (const text of partsOf(type, reply.text)) this.#checkBody(`${schema}/contentSchema`, { ...reply, text });
      return;
    }
    if (!type.endsWith("json")) return;
    this.#checkBody(schema, reply);
    if (reply.status >= 400) {
      const problem = JSON.parse(reply.text) as Problem;
      if (problem.status !== reply.status) throw new Error(`${said}: the problem says ${problem.status}`);
      if (!problem.hint || !problem.detail) throw new Error(`${said}: no hint or detail`);
      if (/\bat .*\.(ts|js):\d+/.test(reply.text)) throw new Error(`${said}: a stack trace`);
    }
  }

  #checkBody(pointer: string, reply: Reply): void {
    let validate = this.#validators.get(pointer);
    if (validate === undefined) {
      validate = this.#ajv.compile({ $ref: `api#/${pointer}` });
      this.#validators.set(pointer, validate);
    }
    if (validate(JSON.parse(reply.text))) return;
    throw new Error(
      `not as the document says: ${this.#ajv.errorsText(validate.errors)}: ${reply.text.slice(0, 2_000)}`,
    );
  }

  /** Where in the document the operation of a call stands. */
  #operation({ method = "GET", path }: Call): string[] | null {
    const parts = (path.split("?")[0] ?? "").split("/");
    const paths = Object.keys((at(this.document, ["paths"]) ?? {}) as object)
      .filter((candidate) => {
        const wanted = candidate.split("/");
        return wanted.length === parts.length && wanted.every((part, n) => part.startsWith("{") || part === parts[n]);
      })
      .sort((a, b) => a.split("{").length - b.split("{").length);
    const [found] = paths;
    const verb = method === "HEAD" ? "get" : method.toLowerCase();
    return found === undefined || at(this.document, ["paths", found, verb]) === undefined
      ? null
      : ["paths", found, verb];
  }
}

function at(tree: Tree | undefined, path: readonly string[]): Tree | undefined {
  let here = tree;
  for (const part of path) {
    if (typeof here !== "object" || here === null || Array.isArray(here)) return undefined;
    here = here[part];
  }
  return here;
}

/** What each line, or each event, of a stream holds. */
function partsOf(type: string, text: string): string[] {
  const lines = text.split("\n").filter((line) => line !== "");
  if (type === "application/x-ndjson") return lines;
  return lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
}

function escape(part: string): string {
  return encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));
}

/** Clients must pass over members they do not know; a test must not: the API may say nothing that is not documented. */
function closed(tree: Tree): Tree {
  if (Array.isArray(tree)) return tree.map(closed);
  if (typeof tree !== "object" || tree === null) return tree;
  const inner = Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, closed(value)]));
  const isObject = inner["type"] === "object" && inner["properties"] !== undefined;
  return isObject && inner["additionalProperties"] === undefined ? { ...inner, additionalProperties: false } : inner;
}
