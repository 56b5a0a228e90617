import assert from "node:assert/strict";
import { assertGolden } from "../../tests/golden/golden.ts";
import {
  documentOf,
  hostileReading,
  hostileTexts,
  readingOf,
  sampleDocument,
} from "../../tests/golden/sample_document.ts";
import { visibleJson } from "../core/visible_json.ts";
import { createReadingTexts, jsonParts, renderJson, renderJsonLine } from "./json.ts";

Deno.test("renderJson() of the sample", () => assertGolden("scan.json", renderJson(sampleDocument)));

Deno.test("renderJson() says everything that the document says", () => {
  assert.deepEqual(JSON.parse(renderJson(sampleDocument)), sampleDocument);
  for (const text of hostileTexts) {
    const document = documentOf([hostileReading(text)]);
    assert.deepEqual(JSON.parse(renderJson(document)), JSON.parse(JSON.stringify(document)));
  }
});

Deno.test("renderJson() is indented as one document, however many printers there are", () => {
  for (const count of [0, 1, 63, 64, 65, 128, 300]) {
    const printers = Array.from(
      { length: count },
      (_, i) => ({ ...sampleDocument.printers[0]!, address: `10.0.0.${i}` }),
    );
    for (const others of [{}, { others: [] }, { others: sampleDocument.others ?? [] }]) {
      const text = renderJson({ ...sampleDocument, printers, unread: [], problems: [], ...others });
      const document = JSON.parse(text);
      assert.equal(visibleJson(document, 2) + "\n", text);
      assert.deepEqual(document.printers, JSON.parse(JSON.stringify(printers)));
    }
  }
});

Deno.test("jsonParts() is the same with texts that were made before, all or some of them", () => {
  const printers = [...sampleDocument.printers, ...hostileTexts.map(hostileReading)];
  const document = { ...sampleDocument, printers };
  for (const most of [0, 1, 5000, Infinity]) {
    const texts = createReadingTexts(most);
    for (const reading of printers.toReversed()) texts.add(reading);
    assert.equal([...jsonParts(document, texts)].join(""), renderJson(document), `${most} characters`);
  }
});

Deno.test("createReadingTexts() makes a text once, and none beyond its limit", () => {
  let made = 0;
  const reading = { ...sampleDocument.printers[0]! };
  Object.defineProperty(reading, "model", { get: () => `model ${++made}` });
  const texts = createReadingTexts(1);
  texts.add(reading);
  assert.match(texts.textOf(reading), /"model 1"/);
  assert.equal(made, 1);
  texts.add(reading);
  assert.match(texts.textOf(reading), /"model 2"/);
});

Deno.test("renderJson() writes keys in one order, however the document was made", () => {
  const reversed = <T>(value: T): T =>
    (Array.isArray(value) ? value.map(reversed) : value !== null && typeof value === "object"
      ? Object.fromEntries(
        Object.entries(value).reverse().map(([key, inner]) => [key, key === "raw" ? inner : reversed(inner)]),
      )
      : value) as T;
  assert.equal(renderJson(reversed(sampleDocument)), renderJson(sampleDocument));
});

Deno.test("renderJson() has `others` only when they were asked for", () => {
  const document = documentOf([]);
  assert.equal("others" in JSON.parse(renderJson(document)), false);
  assert.deepEqual(JSON.parse(renderJson({ ...document, others: [] })).others, []);
});

Deno.test("renderJsonLine() is one line, whatever a device says", () => {
  for (const text of hostileTexts) {
    const line = renderJsonLine(hostileReading(text));
    assert.equal(line.indexOf("\n"), line.length - 1);
    assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\u2028\u2029]/u);
    assert.equal(JSON.parse(line).model, text.toWellFormed() === text ? text : JSON.parse(JSON.stringify(text)));
  }
});

Deno.test("renderJson() keeps characters beyond the basic plane that it must escape", () => {
  const reading = readingOf("10.0.0.1", { model: "a\u{E0041}\u{1F600}" });
  assert.match(renderJsonLine(reading), /a\\udb40\\udc41😀/);
  assert.equal(JSON.parse(renderJsonLine(reading)).model, "a\u{E0041}\u{1F600}");
});
