/**
 * Golden files: what a command prints, kept to be read in a review. UPDATE_GOLDEN=1 rewrites them; look at the
 * difference before it is committed.
 */
import assert from "node:assert/strict";

/** Compares `text` with the golden file `name`, or writes it with UPDATE_GOLDEN=1. */
export function assertGolden(name: string, text: string): void {
  const file = new URL(name, import.meta.url);
  if (Deno.env.get("UPDATE_GOLDEN") === "1") return Deno.writeTextFileSync(file, text);
  assert.equal(text, Deno.readTextFileSync(file), `${name} differs: look, then run again with UPDATE_GOLDEN=1`);
}
