import assert from "node:assert/strict";
import { supplyColourWords, supplyKindWords } from "../../devices/supply_words.ts";
import { auditWords } from "./audit_words.ts";
import type { Texts } from "./texts.ts";
import { translator } from "./words.ts";

const areas: Record<string, Texts> = {};
for (const { name } of Deno.readDirSync(new URL(".", import.meta.url))) {
  if (name.endsWith("_words.ts")) Object.assign(areas, await import(`./${name}`));
}
areas.supplyKindWords = supplyKindWords;
areas.supplyColourWords = supplyColourWords;

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
  // What stands for one or for several of them is no value.
  const values = /\{(\w+)[,}]/g, besideForms = /(?<!(?:one|other|=\d+) )\{(\w+)[,}]/g;
  const valuesOf = (text: string) => {
    const found = text.matchAll(text.includes(", plural,") ? besideForms : values);
    return [...new Set([...found].map(([, name]) => name))].sort();
  };
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

Deno.test("every action that the platform writes into the audit log has words", () => {
  const folder = new URL("../../", import.meta.url), found = new Set<string>();
  const pending = [folder];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const { name, isDirectory } of Deno.readDirSync(at)) {
      if (isDirectory) pending.push(new URL(`${name}/`, at));
      else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) {
        const text = Deno.readTextFileSync(new URL(name, at));
        // Of `action: "x"` and `action: isSo ? "x" : "y"`.
        for (const [, actions] of text.matchAll(/\baction: ([^,}\n]*"[a-z][A-Za-z]+")/g)) {
          for (const [, action] of actions!.matchAll(/(?:^|[?:] )"([a-z][A-Za-z]+)"/g)) found.add(action!);
        }
      }
    }
  }
  // Of the inventory that GLPI takes.
  found.delete("netinventory");
  assert.ok(found.size > 100);
  const known = new Set(Object.keys(auditWords));
  assert.deepEqual([...found].filter((action) => !known.has(`audit_${action}`)).sort(), []);
});
