import assert from "node:assert/strict";

interface Graph {
  roots: string[];
  redirects: Record<string, string>;
  modules: { specifier: string; dependencies?: { isDynamic?: boolean; code?: { specifier?: string } }[] }[];
}

/** Names of the packages that a program loads at once: those of its static imports. */
async function packagesAtOnce(entry: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", entry] }).output();
  const { roots, redirects, modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const known = new Map(modules.map((module) => [module.specifier, module]));
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (specifier: string) => {
    const name = /^npm:\/?((?:@[^/]+\/)?[^@/]+)/.exec(specifier)?.[1];
    if (name !== undefined) packages.add(name);
    if (seen.has(specifier)) return;
    seen.add(specifier);
    for (const { isDynamic, code } of known.get(specifier)?.dependencies ?? []) {
      if (!isDynamic && code?.specifier !== undefined) visit(redirects[code.specifier] ?? code.specifier);
    }
  };
  roots.forEach(visit);
  return [...packages].sort();
}

Deno.test("a scan of communities loads no parser of YAML, no report but its own and no gRPC", async () => {
  const path = (name: string) => new URL(`../../${name}`, import.meta.url).pathname;
  assert.deepEqual(await packagesAtOnce(path("main.ts")), ["commander", "ipaddr.js"]);
  assert.deepEqual(await packagesAtOnce(path("src/cli/scan_command.ts")), ["commander", "ipaddr.js"]);
});
