/** Regular expressions of a definition: what is wrong with one, and what it can tell. */

const TEMPLATE = /\$\{[^}]*\}/g;

/** What the engine says, in words for people. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/Unterminated group/, "a ( is never closed"],
  [/Unmatched '\)'/, "a ) closes nothing"],
  [/Unterminated character class/, "a [ is never closed"],
  [/Nothing to repeat/, "nothing stands before a *, + or ? that it could repeat"],
  [/Invalid (group|capture group name)/, "a (?… is of no kind that there is; a named group is (?<name>…)"],
  [/Duplicate capture group/, "two groups have the same name"],
  [/Range out of order/, "a range in […] runs backwards"],
  [/numbers out of order/, "a {…} has its lesser number last"],
  [/\\ at end of pattern/, "it ends with a single \\"],
];

/** @returns what is wrong with it; null: nothing is */
export function regularExpressionFault(text: string): string | null {
  try {
    compiled(text);
    return null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const [, words] = WORDS.find(([pattern]) => pattern.test(message)) ?? [];
    return words ?? message.replace(/^.*: /s, "").toLowerCase();
  }
}

/** Does what it finds hold something besides a number, for certain? There is a group if a part is meant. */
export function findsMoreThanANumber(text: string): boolean {
  const groups = (compiled(`${text}|`).exec("")?.length ?? 1) - 1;
  if (groups > 0 || /\(\?|\|/.test(text)) return false;
  const plain = text.replaceAll(/\\.|\[(?:\\.|[^\]])*\]|.[?*{]/g, "");
  return /[A-Za-z]/.test(plain);
}

function compiled(text: string): RegExp {
  return new RegExp(text.replaceAll(TEMPLATE, "x"), "m");
}
