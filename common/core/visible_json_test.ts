import assert from "node:assert/strict";
import { visibleJson } from "./visible_json.ts";

const hostile = "a\u009b31m\x1b[2J\u202e\u2028\x7f\n\u{E0041}";

Deno.test("visibleJson() gives the value again and holds nothing that a terminal obeys", () => {
  for (const indent of [undefined, 2]) {
    const text = visibleJson({ [hostile]: [hostile, 1, null] }, indent);
    assert.deepEqual(JSON.parse(text), { [hostile]: [hostile, 1, null] });
    assert.doesNotMatch(text.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\u2028\u2029]/u);
  }
});
