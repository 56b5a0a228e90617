import assert from "node:assert/strict";
import { supplyName, words } from "../../devices/device_view.ts";
import type { Supply } from "../../../proto/gen/opendca/v1/reading.ts";
import { supplyColourWords, supplyKindWords } from "../words/supply_words.ts";
import { translator } from "../words/words.ts";
import { supplyText } from "./supply_text.ts";

const supply = (parts: Partial<Supply>): Supply => ({
  index: "1.1",
  kind: "toner",
  colorant: "black",
  description: "",
  level: undefined,
  source: undefined,
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
    const said = (["en", "de", "it"] as const).map((language) => supplyText(supplyName(of), translator(language)));
    assert.deepEqual(said.slice(0, texts.length), texts);
  }
});

Deno.test("the English words of kinds and colours are those that supplyName() makes of their names", () => {
  for (const [key, [english]] of Object.entries({ ...supplyKindWords, ...supplyColourWords })) {
    if (key !== "colouredSupply") assert.equal(english, words(key.slice(key.indexOf("_") + 1)), key);
  }
});
