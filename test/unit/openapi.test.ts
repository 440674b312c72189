/** The document as a whole; that answers are as it says is tested with each of them (`test/support/api-caller.ts`). */
import { describe, expect, it } from "vitest";
import { renderOpenApi, type JsonObject } from "../../api/openapi.ts";
import { Pages } from "../../api/pages.ts";
import { ROUTES } from "../../api/routes.ts";
import { TAGS } from "../../api/route.ts";
import { ERROR_CODES } from "../../src/domain/error-code.ts";

const document = renderOpenApi({ routes: ROUTES, version: "1.2.3", serverUrl: "/" });
const text = JSON.stringify(document);

describe("the OpenAPI document", () => {
  it("has every route under an id of its own and a known tag, with its successes and refusals", () => {
    const paths = document["paths"] as Record<string, Record<string, JsonObject>>;
    const ids = ROUTES.map(({ path, method, successes, tag }) => {
      const operation = paths[path]?.[method.toLowerCase()];
      const responses = Object.keys(operation?.["responses"] ?? {});
      for (const { status } of successes) expect(responses).toContain(String(status));
      expect(responses).toContain("400");
      expect(operation?.["tags"]).toEqual([tag]);
      expect(Object.keys(TAGS)).toContain(tag);
      return operation?.["operationId"];
    });
    expect(new Set(ids).size).toBe(ROUTES.length);
  });

  it("has only references that lead somewhere", () => {
    const schemas = (document["components"] as { readonly schemas: object }).schemas;
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      expect(Object.keys(schemas)).toContain(name);
    }
  });

  it("promises nothing that is not there: no webhook", () => {
    expect(text).not.toMatch(/webhook/);
  });

  it("becomes a page that needs no script, with each operation and each code", () => {
    const pages = new Pages({ routes: ROUTES, version: "1.2.3", publicUrl: null });
    for (const { operationId } of ROUTES) expect(pages.docs).toContain(`id="${operationId}"`);
    for (const code of Object.keys(ERROR_CODES)) expect(pages.problems).toContain(`/problems/${code}"`);
    for (const html of [pages.docs, pages.home("http://127.0.0.1:1"), pages.problems, pages.problem("not_found")]) {
      expect(html).not.toMatch(/<script|https?:\/\/(?!127\.0\.0\.1)|\son\w+=/);
    }
  });
});
