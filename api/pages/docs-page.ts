/** `/docs`: the OpenAPI document as a page for people. */
import type { JsonObject } from "../openapi.ts";
import { escapeHtml, proseToHtml, renderPage } from "./html.ts";

/** What is read of the document here. */
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: JsonObject;
}
interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, JsonObject>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, JsonObject>> }>
  >;
}
export interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonObject>> };
}

const METHODS = ["get", "post", "put", "patch", "delete"];

/** Renders the page. */
export function renderDocsPage(document: Document): string {
  const { info, tags, components } = document;
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method] !== undefined).map((method) => ({
      path,
      method,
      shared: (item["parameters"] ?? []) as readonly Parameter[],
      operation: item[method] as Operation,
    })),
  );
  const groups = tags.map(({ name, description }) => {
    const members = operations.filter(({ operation }) => operation.tags.includes(name));
    return `<h2 id="${escapeHtml(name)}">${escapeHtml(name)}</h2><p>${proseToHtml(description)}.</p>${members.map(renderOperation).join("")}`;
  });
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<section id="schema-${escapeHtml(name)}"><h3>${escapeHtml(name)}</h3><pre><code>${schemaToHtml(schema)}</code></pre></section>`,
  );
  return renderPage(
    `${info.title} API ${info.version}`,
    `<h1>${escapeHtml(info.title)} API <small>${escapeHtml(info.version)}</small></h1>
<p>${proseToHtml(info.description)}</p>
<p>The document itself: <a href="/openapi.json">openapi.json</a> · <a href="/problems">problem codes</a></p>
<p>${tags.map(({ name }) => `<a href="#${escapeHtml(name)}">${escapeHtml(name)}</a>`).join(" · ")} · <a href="#schemas">schemas</a></p>
${groups.join("\n")}
<h2 id="schemas">schemas</h2>
${schemas.join("\n")}`,
  );
}

function renderOperation(place: {
  readonly path: string;
  readonly method: string;
  readonly shared: readonly Parameter[];
  readonly operation: Operation;
}): string {
  const { path, method, shared, operation } = place;
  const parameters = [...shared, ...(operation.parameters ?? [])];
  return `<section id="${escapeHtml(operation.operationId)}">
<h3><b>${method.toUpperCase()}</b> <code>${escapeHtml(path)}</code></h3>
<p><strong>${proseToHtml(operation.summary)}.</strong> ${proseToHtml(operation.description)}</p>
${renderParameters(parameters)}${renderBody(operation)}${renderResponses(operation)}
</section>`;
}

function renderParameters(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return "";
  const rows = parameters.map(
    ({ name, in: place, required, description, schema }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${place}${required === true ? ", required" : ""}</td><td>${proseToHtml(description ?? "")} ${schemaSummary(schema)}</td></tr>`,
  );
  return `<table><thead><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function renderBody({ requestBody }: Operation): string {
  if (requestBody === undefined) return "";
  const parts = Object.entries(requestBody.content).map(([mediaType, { schema, example }]) => {
    const shown =
      example === undefined ? "" : `<pre><code>${escapeHtml(JSON.stringify(example, null, 2))}</code></pre>`;
    return `<p>Body <code>${escapeHtml(mediaType)}</code>: ${schemaSummary(schema as JsonObject)}</p>${shown}`;
  });
  return parts.join("");
}

function renderResponses({ responses }: Operation): string {
  const rows = Object.entries(responses).map(([status, { description, content }]) => {
    const types = Object.entries(content ?? {}).map(
      ([mediaType, { schema }]) =>
        `<code>${escapeHtml(mediaType)}</code> ${schema === undefined ? "" : schemaSummary(schema as JsonObject)}`,
    );
    return `<tr><td>${status}</td><td>${proseToHtml(description)}</td><td>${types.join("<br>")}</td></tr>`;
  });
  return `<table><thead><tr><th>Status</th><th>Meaning</th><th>Body</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

/** A schema in a few words: its name, or its type. */
function schemaSummary(schema: JsonObject): string {
  const { $ref, type, items, enum: values } = schema;
  if (typeof $ref === "string") return linkTo($ref);
  if (type === "array") return `list of ${schemaSummary((items ?? {}) as JsonObject)}`;
  if (Array.isArray(values)) return values.map((value) => `<code>${escapeHtml(String(value))}</code>`).join(" ");
  return typeof type === "string" ? escapeHtml(type) : "any JSON";
}

function linkTo(reference: string): string {
  const name = escapeHtml(reference.split("/").at(-1) ?? "");
  return `<a href="#schema-${name}">${name}</a>`;
}

/** A whole schema as JSON, with its references as links. */
function schemaToHtml(schema: JsonObject): string {
  return escapeHtml(JSON.stringify(schema, null, 2)).replace(
    /&#34;\$ref&#34;: &#34;(#\/components\/schemas\/\w+)&#34;/g,
    (_match, reference: string) => `$ref: ${linkTo(reference)}`,
  );
}
