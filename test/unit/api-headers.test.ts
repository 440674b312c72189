import { describe, expect, it } from "vitest";
import { anonymousCaller, readCaller } from "../../api/caller.ts";
import { fingerprintOf, readIdempotencyKey } from "../../api/idempotency-key.ts";
import { matchesTag } from "../../api/job-answer.ts";
import { accepts, prefers, refusedMediaType } from "../../api/media-type.ts";
import { readPrefer } from "../../api/prefer.ts";
import { readQuery } from "../../api/query-string.ts";
import { SiteGuard } from "../../api/site-guard.ts";

describe("Accept", () => {
  const json = ["application/json"] as const;
  it("is fulfilled by the type, its range, everything, or nothing said", () => {
    for (const header of [
      undefined,
      "",
      "*/*",
      "application/*",
      "text/html, application/json;q=0.1",
      "APPLICATION/JSON",
    ]) {
      expect(accepts(header, json)).toBe(true);
    }
  });
  it("is not fulfilled when the most specific range says no", () => {
    for (const header of ["text/html", "application/json;q=0, */*", "*/*;q=0", "application/jsonp"]) {
      expect(accepts(header, json)).toBe(false);
    }
  });
  it("chooses what the client would rather have", () => {
    const both = ["text/html", "application/json"] as const;
    expect(prefers(undefined, both)).toBe("text/html");
    expect(prefers("text/html,application/xhtml+xml,*/*;q=0.8", both)).toBe("text/html");
    expect(prefers("application/json", both)).toBe("application/json");
    expect(prefers("text/html;q=0.2, application/*;q=0.5", both)).toBe("application/json");
    expect(prefers("image/png", both)).toBeNull();
  });
});

describe("Content-Type", () => {
  const refused = (type: string | undefined, encoding?: string): boolean =>
    refusedMediaType({ "content-type": type, "content-encoding": encoding }, ["application/json"]) !== null;
  it("is taken with or without UTF-8 said, and in nothing else", () => {
    expect(refused("application/json")).toBe(false);
    expect(refused('Application/JSON; charset="UTF-8"')).toBe(false);
    expect(refused("application/json; charset=latin1")).toBe(true);
    expect(refused("application/problem+json")).toBe(true);
    expect(refused(undefined)).toBe(true);
    expect(refused("application/json", "gzip")).toBe(true);
    expect(refused("application/json", "identity")).toBe(false);
  });
});

describe("a caller", () => {
  it("is a short word, which no address can be taken for", () => {
    for (const name of ["billing", "team-7.eu", "a@b.example", "A", "x".repeat(64)])
      expect(readCaller(name)).toBe(name);
    for (const name of ["", "-a", "a b", "a:b", "a,b", "é", "x".repeat(65), anonymousCaller("10.0.0.1")]) {
      expect([name, readCaller(name)]).toEqual([name, null]);
    }
  });

  it("without a name is where it comes from: of IPv6 the network", () => {
    expect(anonymousCaller("10.0.0.1")).toBe("address:10.0.0.1");
    expect(anonymousCaller("::ffff:10.0.0.1")).toBe("address:10.0.0.1");
    expect(anonymousCaller("::1")).toBe("address:0:0:0:0");
    expect(anonymousCaller("2001:db8::1")).toBe(anonymousCaller("2001:db8:0:0:a:b:c:d"));
    expect(anonymousCaller("2001:db8:0:1::1")).not.toBe(anonymousCaller("2001:db8::1"));
    expect(anonymousCaller("fe80::1%eth0")).toBe("address:fe80:0:0:0");
    expect(anonymousCaller(undefined)).toBe("address:unknown");
  });
});

describe("Prefer", () => {
  it("is read as RFC 7240 has it: the first of a name counts, what is not known is passed over", () => {
    expect(readPrefer("wait=10", 25_000)).toEqual({ waitMs: 10_000, respondAsync: false, applied: "wait=10" });
    expect(readPrefer('respond-async, wait="100"', 25_000)).toEqual({
      waitMs: 25_000,
      respondAsync: true,
      applied: "respond-async, wait=25",
    });
    expect(readPrefer("Wait=3; foo=bar, wait=9", 25_000).waitMs).toBe(3_000);
    for (const header of [undefined, "", "return=minimal", "wait=soon", "wait=-1", "wait"]) {
      expect(readPrefer(header, 25_000).applied).toBeNull();
    }
  });
});

describe("Idempotency-Key", () => {
  it("I1 is a quoted string, or plain text", () => {
    expect(readIdempotencyKey(undefined)).toEqual({ kind: "key", key: null });
    expect(readIdempotencyKey('"a \\"b\\" \\\\c"')).toEqual({ kind: "key", key: 'a "b" \\c' });
    expect(readIdempotencyKey("8e03978e-40d5-43dd-bc93-6894a57f9324")).toMatchObject({ kind: "key" });
    for (const header of ["", '""', '"open', '"a"b"', "k".repeat(256), "é", "a\u0001"]) {
      expect(readIdempotencyKey(header)).toEqual({ kind: "bad" });
    }
  });
  it("I2 has a fingerprint that depends on method, path and content, and not on the order of members", () => {
    const print = fingerprintOf("POST", "/v1/jobs", { a: 1, b: { c: 2, d: 3 } });
    expect(fingerprintOf("POST", "/v1/jobs", { b: { d: 3, c: 2 }, a: 1 })).toBe(print);
    expect(fingerprintOf("POST", "/v1/jobs/bulk", { a: 1, b: { c: 2, d: 3 } })).not.toBe(print);
    expect(fingerprintOf("POST", "/v1/jobs", { a: 1, b: { c: 2, d: 4 } })).not.toBe(print);
  });
});

describe("query", () => {
  it("collects what comes more than once, and refuses what is not encoded", () => {
    expect(readQuery("a=1&b=x+y%2B&a=2&c&&")).toEqual({ kind: "read", values: { a: ["1", "2"], b: "x y+", c: "" } });
    const polluting = readQuery("__proto__=1");
    expect(polluting.kind === "read" && Object.keys(polluting.values)).toEqual(["__proto__"]);
    expect(readQuery("a=%zz")).toMatchObject({ kind: "malformed" });
    expect(readQuery("%ff=1")).toMatchObject({ kind: "malformed" });
  });
});

describe("If-None-Match", () => {
  it("compares weakly with any of the tags", () => {
    expect(matchesTag('"a", W/"b"', '"b"')).toBe(true);
    expect(matchesTag("*", '"b"')).toBe(true);
    expect(matchesTag('"a"', '"b"')).toBe(false);
    expect(matchesTag(undefined, '"b"')).toBe(false);
  });
});

describe("site guard", () => {
  const code = (guard: SiteGuard, method: string, headers: Record<string, string>): string | undefined =>
    guard.check({ method, headers, httpVersion: "1.1" })?.code;
  const local = new SiteGuard({ listenHost: "127.0.0.1", publicUrl: null });
  const proxied = new SiteGuard({ listenHost: "127.0.0.1", publicUrl: "https://cairn.example.org/" });

  it("G1 takes changes from programs and from its own pages, and from no other page", () => {
    const host = "127.0.0.1:8080";
    expect(code(local, "POST", { host })).toBeUndefined();
    expect(
      code(local, "POST", { host, origin: "http://127.0.0.1:8080", "sec-fetch-site": "same-origin" }),
    ).toBeUndefined();
    expect(code(local, "POST", { host, "sec-fetch-site": "none" })).toBeUndefined();
    expect(code(local, "POST", { host, origin: "http://127.0.0.1:3000" })).toBe("forbidden_origin");
    expect(code(local, "DELETE", { host, origin: "null" })).toBe("forbidden_origin");
    expect(code(local, "PATCH", { host, "sec-fetch-site": "same-site" })).toBe("forbidden_origin");
    expect(code(local, "GET", { host, "sec-fetch-site": "cross-site", origin: "https://a.example" })).toBeUndefined();
    expect(code(proxied, "POST", { host, origin: "https://cairn.example.org" })).toBeUndefined();
  });
  it("G2 answers on loopback under no name that somebody's DNS may point there", () => {
    for (const host of ["127.0.0.1:8080", "[::1]:8080", "localhost", "api:8080", "cairn.localhost:1"]) {
      expect(code(local, "GET", { host })).toBeUndefined();
    }
    for (const host of ["evil.example", "127.0.0.1.nip.io:8080", "a b", "user@localhost"]) {
      expect(code(local, "GET", { host })).toBe("unknown_host");
    }
    expect(code(proxied, "GET", { host: "cairn.example.org" })).toBeUndefined();
    expect(code(local, "GET", {})).toBe("malformed_http");
    expect(local.check({ method: "GET", headers: {}, httpVersion: "1.0" })).toBeNull();
    expect(
      code(new SiteGuard({ listenHost: "0.0.0.0", publicUrl: null }), "GET", { host: "any.example" }),
    ).toBeUndefined();
  });
});
