/**
 * Ids and inputs of the elements of an array.
 *
 * AE1 An id is a ULID whose last three characters count: `000` is the array, `001` its first element. So whoever has
 *     an id knows the array and the index, making an element twice makes it once, and the elements stand side by side
 *     in everything that is sorted by id.
 * AE2 In an input template the text `{index}` stands for the element's index, from 0: alone in a string it becomes
 *     the number, within a longer string its digits. Keys are left as they are.
 */
type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const COUNTED = 3;
const PLACEHOLDER = "{index}";

/** An array's id from a fresh ULID in lower case. */
export function arrayIdFrom(ulid: string): string {
  return `${ulid.slice(0, -COUNTED)}000`;
}

/** AE1 @param index from 0 */
export function elementId(array: string, index: number): string {
  let number = index + 1;
  let tail = "";
  for (let digit = 0; digit < COUNTED; digit += 1) {
    tail = `${DIGITS[number % 32] ?? ""}${tail}`;
    number = Math.floor(number / 32);
  }
  return `${array.slice(0, -COUNTED)}${tail}`;
}

/** AE1 @returns the index, from 0 */
export function elementIndex(element: string): number {
  return (
    element
      .slice(-COUNTED)
      .split("")
      .reduce((sum, digit) => sum * 32 + DIGITS.indexOf(digit), 0) - 1
  );
}

/** The ids between which all elements of an array lie, for sorted sets: after the first, up to the second. */
export function elementRange(array: string): { readonly after: string; readonly upTo: string } {
  return { after: array, upTo: `${array.slice(0, -COUNTED)}zzz` };
}

/** AE2 */
export function renderInput(template: JsonValue, index: number): JsonValue {
  if (typeof template === "string") {
    return template === PLACEHOLDER ? index : template.replaceAll(PLACEHOLDER, String(index));
  }
  if (Array.isArray(template)) return template.map((item) => renderInput(item, index));
  if (typeof template !== "object" || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, renderInput(value, index)]));
}
