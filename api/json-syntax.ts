/**
 * Where JSON text breaks: line, column and what was expected there.
 *
 * `JSON.parse` tells the place only sometimes, and its words change with every V8. This runs after it has failed, so
 * it may be slow; it is iterative, because deep nesting must not end the process.
 */
export interface JsonBreak {
  /** In UTF-16 units from 0. */
  readonly offset: number;
  /** "line 1, column 7: expected a value, found }" */
  readonly detail: string;
}

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

type Expected = "value" | "value or ]" | "name" | "name or }" | "colon" | "comma or ]" | "comma or }" | "end";

/** The first place at which `text` is not JSON, or null if it is. */
export function findJsonBreak(text: string): JsonBreak | null {
  const open: ("[" | "{")[] = [];
  let at = 0;
  let expected: Expected = "value";

  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? null;
    if (found !== null) at += found.length;
    return found;
  };
  const afterValue = (): Expected => {
    const inside = open.at(-1);
    if (inside === undefined) return "end";
    return inside === "[" ? "comma or ]" : "comma or }";
  };
  // By hand: a regular expression with a choice per character overflows its stack on long strings.
  const takeString = (): boolean => {
    for (at += 1; at < text.length;) {
      const unit = text.charCodeAt(at);
      if (unit === 0x22) {
        at += 1;
        return true;
      }
      if (unit < 0x20) return false;
      if (unit !== 0x5c) at += 1;
      else if (take(ESCAPE) === null) return false;
    }
    return false;
  };

  for (;;) {
    take(SPACE);
    const next = text[at];
    if (next === undefined) return expected === "end" ? null : describe(text, at, expected);
    if ((next === "]" || next === "}") && expected.endsWith(next)) {
      at += 1;
      open.pop();
      expected = afterValue();
    } else if (expected.startsWith("value")) {
      if (next === "[" || next === "{") {
        at += 1;
        open.push(next);
        expected = next === "[" ? "value or ]" : "name or }";
      } else if (next === '"' ? takeString() : take(SCALAR) !== null) {
        expected = afterValue();
      } else {
        return describe(text, at, next === '"' ? "string" : "value");
      }
    } else if (expected.startsWith("name")) {
      if (next !== '"') return describe(text, at, "name in double quotes");
      if (!takeString()) return describe(text, at, "string");
      expected = "colon";
    } else if (expected === "colon") {
      if (take(/:/y) === null) return describe(text, at, expected);
      expected = "value";
    } else if (expected === "end" || take(/,/y) === null) {
      return describe(text, at, expected);
    } else {
      expected = expected === "comma or ]" ? "value" : "name";
    }
  }
}

function describe(text: string, offset: number, expected: string): JsonBreak {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  const column = offset - before.lastIndexOf("\n");
  const found = offset >= text.length ? "the end of the body" : JSON.stringify(text.slice(offset, offset + 1));
  const wanted =
    expected === "end"
      ? "nothing more"
      : expected === "string"
        ? "the rest of a string (control characters and unknown escapes are not allowed)"
        : `a ${expected}`;
  return { offset, detail: `line ${line}, column ${column}: expected ${wanted}, found ${found}` };
}
