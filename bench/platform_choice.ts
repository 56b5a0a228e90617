/** `deno task bench:platform`: one process on each database; with `--portal`, the design load on all parts. */
if (Deno.args.includes("--portal")) await import("./design_load.ts");
else await import("./platform.ts");
