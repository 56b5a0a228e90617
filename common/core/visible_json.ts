/**
 * JSON for standard output, which may be a terminal: JSON.stringify does not escape C1 controls and bidirectional
 * overrides, which a device or a platform may send. JSON is ASCII outside of strings, so escaping them everywhere
 * changes no value.
 */
export function visibleJson(value: unknown, indent?: number): string {
  const json = JSON.stringify(value, null, indent);
  // Most documents are plain ASCII, and this check takes a tenth of the time.
  // deno-lint-ignore no-control-regex -- all of ASCII but the last
  if (!/[^\x00-\x7e]/.test(json)) return json;
  return json.replace(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, (character) => {
    const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}
