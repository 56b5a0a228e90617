import assert from "node:assert/strict";
import { commonWords } from "./common_words.ts";
import { fleetWords } from "./fleet_words.ts";
import { insightWords } from "./insight_words.ts";
import { peopleWords } from "./people_words.ts";
import { signInWords } from "./sign_in_words.ts";
import { translator } from "./words.ts";
import { workWords } from "./work_words.ts";

const areas = { commonWords, signInWords, fleetWords, insightWords, workWords, peopleWords };

Deno.test("no key stands in two areas, where the later would silently win", () => {
  const seen = new Map<string, string>(), twice: string[] = [];
  for (const [area, words] of Object.entries(areas)) {
    for (const key of Object.keys(words)) {
      if (seen.has(key)) twice.push(`${key}: ${seen.get(key)}, ${area}`);
      seen.set(key, area);
    }
  }
  assert.ok(seen.size > 100);
  assert.deepEqual(twice, []);
});

Deno.test("every text says the same values in each language", () => {
  const valuesOf = (text: string) => [...new Set([...text.matchAll(/\{(\w+)[,}]/g)].map(([, name]) => name))].sort();
  for (const words of Object.values(areas)) {
    for (const [key, [en, de, it]] of Object.entries(words)) {
      assert.deepEqual([key, valuesOf(de), valuesOf(it)], [key, valuesOf(en), valuesOf(en)]);
    }
  }
});

Deno.test("values are put in as they are, quotes and angle brackets too", () => {
  assert.equal(
    translator("it")("bug", { id: "<b>'x'" }),
    "Il server ha commesso un errore, registrato con il codice <b>'x'.",
  );
});
