import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { assertGolden } from "../../tests/golden/golden.ts";
import * as sample from "../../tests/golden/sample_document.ts";
import { renderHtml } from "./html.ts";

const { documentOf, emptyDocument, hostileReading, hostileTexts, readingOf, sampleDocument } = sample;

const voidElements = new Set(["meta", "rect"]);

/** Start tags with their attributes' names; throws where an element is not closed in its place. */
function tagsOf(html: string): string[] {
  const open: string[] = [];
  const tags = [];
  for (const [, end, name, attributes] of html.matchAll(/<(\/?)([a-zA-Z!][^\s>/]*)((?:[^>"]|"[^"]*")*)>/g)) {
    if (name === "!doctype") continue;
    if (end === "/") {
      assert.equal(open.pop(), name, `</${name}> closes another element`);
      continue;
    }
    if (!voidElements.has(name!)) open.push(name!);
    tags.push([name, ...[...attributes!.matchAll(/([^\s="/]+)(?:="[^"]*")?/g)].map((match) => match[1])].join(" "));
  }
  assert.deepEqual(open, []);
  return tags;
}

Deno.test("renderHtml() of the sample", () => assertGolden("scan.html.golden", renderHtml(sampleDocument)));

Deno.test("renderHtml() is well formed, also of nothing", () => {
  for (const document of [sampleDocument, emptyDocument]) assert.ok(tagsOf(renderHtml(document)).length > 20);
  assert.match(renderHtml(emptyDocument), /No printer was found/);
});

Deno.test("renderHtml() lets a device add no element and no attribute", () => {
  const tags = (text: string) =>
    tagsOf(renderHtml(documentOf([hostileReading(text)], {
      others: [{ address: text, description: text, objectId: text }],
      problems: [{ code: text, message: text, address: text }],
    })));
  const harmless = tags("x");
  for (const text of hostileTexts) assert.deepEqual(tags(text), harmless, JSON.stringify(text.slice(0, 60)));
});

Deno.test("renderHtml() holds no control, bidirectional or invisible character of a device", () => {
  const html = renderHtml(documentOf(hostileTexts.map(hostileReading)));
  assert.doesNotMatch(html.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\u2028\u2029]/u);
});

Deno.test("renderHtml() shows what a device says as text", () => {
  const html = renderHtml(documentOf([readingOf("10.0.0.1", { model: "<script>alert(1)</script>\u202Egnp" })]));
  assert.ok(html.includes("&lt;script&gt;alert(1)&lt;/script&gt;gnp"));
});

Deno.test("renderHtml() allows its own style sheet by hash and nothing else", () => {
  const html = renderHtml(sampleDocument);
  const style = html.match(/<style>([\s\S]*)<\/style>/)![1]!;
  const hash = createHash("sha256").update(style).digest("base64");
  const policy = html.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)![1]!.replaceAll("&#39;", "'");
  assert.equal(policy, `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`);
  assert.doesNotMatch(style, /url\(|@import|@font-face/);
  assert.doesNotMatch(html, /<(script|img|link|iframe|object|base|form)\b|\s(style|src|on\w+)=/i);
  for (const [, target] of html.matchAll(/href="([^"]*)"/g)) assert.match(target!, /^#/);
});

Deno.test("renderHtml() links only to what is there, once", () => {
  const html = renderHtml(sampleDocument);
  const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map((match) => match[1]);
  assert.equal(new Set(ids).size, ids.length);
  for (const [, target] of html.matchAll(/href="#([^"]*)"/g)) assert.ok(ids.includes(target), String(target));
});

Deno.test("renderHtml() gives every bar a text, and tables headings with scope", () => {
  const html = renderHtml(sampleDocument);
  for (const [bar] of html.matchAll(/<svg[^>]*>/g)) assert.match(bar, /aria-hidden="true"/);
  const bars = html.match(/<svg/g)!.length;
  assert.equal(html.match(/<span class="pc">[^<]+<\/span>/g)!.length, bars);
  assert.doesNotMatch(html, /<th(?![^>]*scope=)[\s>]/);
  assert.match(html, /<html lang="en">/);
});

Deno.test("renderHtml() tells of every value where it came from", () => {
  const source = { oid: "1.3.6.1.4.1.32473.7", rule: "example.counter", raw: { high: 1, low: null } };
  const meters = [{ name: "total", value: 77, unit: "impressions", source }];
  const html = renderHtml(documentOf([readingOf("10.0.0.1", { meters })]));
  assert.match(html, /1\.3\.6\.1\.4\.1\.32473\.7<\/code><div>example\.counter, raw <code>high=1 low=–</);
});

Deno.test("renderHtml() folds many printers and unfolds few", () => {
  const printers = (count: number) => Array.from({ length: count }, (_, index) => readingOf(`10.0.0.${index}`));
  assert.match(renderHtml(documentOf(printers(3))), /<details open>/);
  assert.doesNotMatch(renderHtml(documentOf(printers(4))), /<details open>/);
});
