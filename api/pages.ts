/** The API's own pages and its document, made once: they change with the program alone. */
import { ERROR_CODES, type ErrorCode } from "../src/domain/error-code.ts";
import { renderOpenApi } from "./openapi.ts";
import { renderDocsPage, type Document } from "./pages/docs-page.ts";
import { escapeHtml, proseToHtml, renderPage, STYLE_SHA256 } from "./pages/html.ts";
import type { Route } from "./route.ts";

export interface PagesOptions {
  readonly routes: readonly Route[];
  readonly version: string;
  readonly publicUrl: string | null;
}

export class Pages {
  /** The OpenAPI document, as JSON. */
  readonly openApi: string;
  readonly docs: string;
  readonly problems: string;
  readonly styleSha256 = STYLE_SHA256;
  readonly #version: string;

  constructor({ routes, version, publicUrl }: PagesOptions) {
    this.#version = version;
    const document = renderOpenApi({ routes, version, serverUrl: publicUrl?.replace(/\/+$/, "") ?? "/" });
    this.openApi = JSON.stringify(document);
    // Through text, as a client gets it.
    this.docs = renderDocsPage(JSON.parse(this.openApi) as Document);
    this.problems = renderProblems();
  }

  /** The front page. @param address under which the reader reached it: what is suggested can be pasted */
  home(address: string): string {
    return renderHome(this.#version, address);
  }

  /** The page to which the `type` of a problem points. */
  problem(code: ErrorCode): string {
    const { status, title, hint, retryable } = ERROR_CODES[code];
    return renderPage(
      title,
      `<h1>${escapeHtml(title)}</h1>
<p><code>${code}</code>, usually with status ${status}.</p>
<p>${proseToHtml(hint)}</p>
<p>${retryable ? "The very same call may succeed later." : "The very same call will be refused again."}</p>
<p><a href="/problems">All problem codes</a></p>`,
    );
  }
}

function renderHome(version: string, address: string): string {
  const origin = escapeHtml(address);
  return renderPage(
    "Cairn",
    `<h1>Cairn <small>${escapeHtml(version)}</small></h1>
<p>Online requests and checkpointed batch jobs on one fleet of unreliable machines.</p>
<ul>
<li><a href="/docs">The REST API</a>, and its <a href="/openapi.json">OpenAPI document</a></li>
<li><a href="/v1/jobs">Jobs</a>, <a href="/v1/tasks">tasks</a>, <a href="/v1/workers">workers</a>, <a href="/v1/queues">queues</a>, <a href="/v1/fleet">the fleet</a>, <a href="/v1/limits">limits</a></li>
<li><a href="/metrics">Metrics</a>, <a href="/livez">alive?</a>, <a href="/readyz">ready?</a></li>
</ul>
<pre><code>curl -X POST -H 'Content-Type: application/json' -d '{"hello":"world"}' ${origin}/v1/tasks/echo/invoke
curl -X POST -H 'Content-Type: application/json' -d '{"task":"count","input":{"steps":100,"stepMs":100}}' ${origin}/v1/jobs</code></pre>`,
  );
}

function renderProblems(): string {
  const rows = (Object.keys(ERROR_CODES) as ErrorCode[]).map((code) => {
    const { status, title, hint } = ERROR_CODES[code];
    return `<tr><td>${status}</td><td><a href="/problems/${code}"><code>${code}</code></a></td><td>${escapeHtml(title)}.<br>${proseToHtml(hint)}</td></tr>`;
  });
  return renderPage(
    "Problem codes",
    `<h1>Problem codes</h1>
<p>Every refusal is <code>application/problem+json</code> (RFC 9457). Its <code>code</code> is one of these; they are stable.</p>
<table><thead><tr><th>Status</th><th>Code</th><th>Meaning, and what to do</th></tr></thead><tbody>${rows.join("")}</tbody></table>`,
  );
}
