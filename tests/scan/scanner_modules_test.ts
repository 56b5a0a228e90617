/** What a scanner thread loads: memory and time of each thread, and code that could turn bad in it. */
import assert from "node:assert/strict";

interface Info {
  modules: { specifier: string; dependencies?: { code?: { specifier: string }; isDynamic?: boolean }[] }[];
}

/** All that is loaded with the module, packages by their names. */
async function loadedWith(entry: string): Promise<Set<string>> {
  const root = new URL(entry, new URL("../../", import.meta.url)).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", root] }).output();
  const { modules }: Info = JSON.parse(new TextDecoder().decode(stdout));
  const dependencies = new Map(modules.map(({ specifier, dependencies }) => [specifier, dependencies ?? []]));
  const loaded = new Set<string>([root]);
  for (const module of loaded) {
    for (const { code, isDynamic } of dependencies.get(module) ?? []) {
      if (code !== undefined && isDynamic !== true) loaded.add(code.specifier);
    }
  }
  return new Set([...loaded].map((module) => /^npm:\/?([^@]+)@/.exec(module)?.[1] ?? module));
}

Deno.test("a scanner thread loads net-snmp for SNMPv3 only", async () => {
  const plain = await loadedWith("src/host/scanner_thread.ts");
  assert(plain.size > 50 && plain.has("ipaddr.js"), [...plain].join(" "));
  assert(!plain.has("net-snmp"));
  assert((await loadedWith("src/host/usm_scanner_thread.ts")).has("net-snmp"));
});
