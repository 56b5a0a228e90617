import assert from "node:assert/strict";
import type { Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { supplyName, words } from "./device_view.ts";
import { supplyText } from "./supply_text.ts";
import { supplyColourWords, supplyKindWords } from "./supply_words.ts";

const supply = (parts: Partial<Supply>): Supply => ({
  index: "1.1",
  kind: "toner",
  colorant: "black",
  description: "",
  level: undefined,
  source: undefined,
  others: [],
  ...parts,
});

Deno.test("supplyText() says a supply in the reader's language, and leaves a printer's own text", () => {
  const cases = [
    { of: supply({}), texts: ["black toner", "Toner schwarz", "toner nero"] },
    {
      of: supply({ kind: "inkCartridge", colorant: "lightLightBlack" }),
      texts: ["light light black ink", "Tinte sehr hellschwarz"],
    },
    { of: supply({ kind: "wasteToner", colorant: "none" }), texts: ["waste toner", "Resttoner", "toner di scarto"] },
    { of: supply({ kind: "other", description: "Maintenance Kit" }), texts: Array(3).fill("Maintenance Kit") },
    { of: supply({ colorant: "mauve" }), texts: Array(3).fill("mauve toner") },
  ];
  for (const { of, texts } of cases) {
    const said = ([0, 1, 2] as const).map((column) =>
      supplyText(
        supplyName(of),
        (key, values = {}) =>
          ({ ...supplyKindWords, ...supplyColourWords })[key][column].replace(/\{(\w+)\}/g, (_, name) => values[name]!),
      )
    );
    assert.deepEqual(said.slice(0, texts.length), texts);
  }
});

Deno.test("the English words of kinds and colours are those that supplyName() makes of their names", () => {
  for (const [key, [english]] of Object.entries({ ...supplyKindWords, ...supplyColourWords })) {
    if (key !== "colouredSupply") assert.equal(english, words(key.slice(key.indexOf("_") + 1)), key);
  }
});
