/** The simulated printers of two test files never have one address, as files run at the same time and share a port. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";

const folder = new URL("../", import.meta.url);
/** Networks below are those of loopback itself and of examples. */
const firstSimulated = 64;

Deno.test("no two test files have simulated printers in one network of 127/8", () => {
  const files = readdirSync(folder, { recursive: true }).map(String).filter((name) => name.endsWith("_test.ts"));
  const owners = new Map<string, Set<string>>();
  for (const file of files) {
    const text = Deno.readTextFileSync(new URL(file, folder));
    for (const [, quoted, named] of text.matchAll(/\b127\.(\d+)\.\d+|\bnetwork: (\d+)/g)) {
      const network = quoted ?? named!;
      if (Number(network) >= firstSimulated) owners.set(network, (owners.get(network) ?? new Set()).add(file));
    }
  }
  assert(owners.size > 20, `only ${owners.size} networks were found`);
  const shared = [...owners].filter(([, names]) => names.size > 1).map(([n, names]) =>
    `127.${n}: ${[...names].join()}`
  );
  assert.deepEqual(shared, []);
});
