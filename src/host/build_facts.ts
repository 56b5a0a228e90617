import type { BuildFacts } from "../cli/build_facts.ts";

/** Written by tools/compile.ts and embedded in the executable. */
const embedded = new URL("../../dist/build.json", import.meta.url);

export function denoBuildFacts(): BuildFacts {
  const { os, arch, target, standalone } = Deno.build as typeof Deno.build & { standalone?: boolean };
  return {
    commit: standalone ? embeddedCommit() : "source",
    compiled: standalone === true,
    runtime: { ...Deno.version },
    os,
    arch,
    target,
  };
}

function embeddedCommit(): string {
  try {
    return JSON.parse(Deno.readTextFileSync(embedded)).commit;
  } catch {
    // Compiled without tools/compile.ts.
    return "unknown";
  }
}
