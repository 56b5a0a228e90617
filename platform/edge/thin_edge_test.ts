/** Edges parse, call one use case, and answer: what is stored and what is audited stands in the domains. */
import assert from "node:assert/strict";

const forbidden = [
  [/\b(SELECT|INSERT INTO|DELETE FROM|PRAGMA)\b|\bUPDATE \w+ SET\b/, "a statement of SQL"],
  [/\bappendAudit\b|\bchange(Platform|Tenant)\b/, "an entry of the audit log"],
  [/\.transaction\(|\bread(Platform|Tenant)\b/, "a transaction"],
  [/\b(tx|tenant|queries)\.(all|get|run)\b/, "a query"],
] as const;

Deno.test("no edge has SQL, a transaction or an entry of the audit log", () => {
  const found: string[] = [];
  for (const edge of ["cli", "grpc", "http", "rest"]) {
    const folder = new URL(`./${edge}/`, import.meta.url);
    for (const { name } of Deno.readDirSync(folder)) {
      if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
      const text = Deno.readTextFileSync(new URL(name, folder));
      for (const [pattern, what] of forbidden) if (pattern.test(text)) found.push(`${edge}/${name} has ${what}`);
    }
  }
  assert.deepEqual(found, []);
});
