import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { leafOf, merkleLevels, merklePath, merkleRoot, rootOfPath } from "./merkle_tree.ts";

const leaves = (n: number) => [...Array(n).keys()].map((i) => leafOf(Uint8Array.of(i)));
const hex = (bytes: Uint8Array | undefined) => bytes === undefined ? undefined : Buffer.from(bytes).toString("hex");

Deno.test("roots are those of RFC 9162, as its test vectors have them", () => {
  // From the test data of Certificate Transparency.
  const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    .map((text) => leafOf(Buffer.from(text, "hex")));
  assert.equal(hex(merkleRoot([])), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert.equal(hex(merkleRoot(inputs.slice(0, 1))), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  assert.equal(hex(merkleRoot(inputs.slice(0, 3))), "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
  assert.equal(hex(merkleRoot(inputs)), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
});

Deno.test("each leaf of a tree of any size is proved by its path, and by no other", () => {
  for (let size = 1; size <= 40; size++) {
    const all = leaves(size), root = hex(merkleRoot(all));
    for (let index = 0; index < size; index++) {
      const path = merklePath(merkleLevels(all), index);
      assert.equal(hex(rootOfPath(all[index]!, { index, size, path })), root);
      assert.notEqual(hex(rootOfPath(leafOf(Uint8Array.of(200)), { index, size, path })), root);
      for (let other = 0; other < size; other++) {
        if (other !== index) assert.notEqual(hex(rootOfPath(all[index]!, { index: other, size, path })), root);
      }
      assert.equal(
        rootOfPath(all[index]!, { index, size, path: [...path, root!].map(() => new Uint8Array(32)) }),
        undefined,
      );
      if (path.length > 0) assert.equal(rootOfPath(all[index]!, { index, size, path: path.slice(1) }), undefined);
    }
  }
  for (const [index, size] of [[1, 1], [-1, 2], [0.5, 2], [NaN, 2]] as const) {
    assert.equal(rootOfPath(leaves(1)[0]!, { index, size, path: [] }), undefined);
  }
});
