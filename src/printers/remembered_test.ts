import assert from "node:assert/strict";
import { remembered } from "./remembered.ts";

function counted(result: (text: string) => unknown) {
  const texts: string[] = [];
  const read = remembered((text) => {
    texts.push(text);
    return result(text);
  });
  return { read, texts };
}

Deno.test("a text is read once, whatever it means, undefined included", () => {
  const { read, texts } = counted((text) => text === "" ? undefined : text.toUpperCase());
  assert.deepEqual(["a", "b", "a", "", ""].map(read), ["A", "B", "A", undefined, undefined]);
  assert.deepEqual(texts, ["a", "b", ""]);
});

Deno.test("long texts are not kept", () => {
  const { read, texts } = counted((text) => text.length);
  const long = "x".repeat(257);
  assert.deepEqual([read(long), read(long)], [257, 257]);
  assert.deepEqual(texts.length, 2);
});

Deno.test("more texts than are kept are read again, and right", () => {
  const { read, texts } = counted((text) => `<${text}>`);
  const many = Array.from({ length: 1025 }, (_, i) => String(i));
  assert.deepEqual(many.map(read), many.map((text) => `<${text}>`));
  assert.deepEqual(read("0"), "<0>");
  assert.deepEqual(texts.length, 1026);
  assert.deepEqual(read("0"), "<0>");
  assert.deepEqual(texts.length, 1026);
});
