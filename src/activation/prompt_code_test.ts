import assert from "node:assert/strict";
import { UsageError } from "../../common/core/errors.ts";
import { readCode } from "./prompt_code.ts";

function typed(text: string, terminal = true) {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  const modes: boolean[] = [];
  return {
    modes,
    isTerminal: () => terminal,
    setRaw: (raw: boolean) => void modes.push(raw),
    read(into: Uint8Array) {
      if (at >= bytes.length) return Promise.resolve(null);
      into[0] = bytes[at++]!;
      return Promise.resolve(1);
    },
  };
}

for (
  const { name, keys, want } of [
    { name: "a line", keys: "0EY9-M29P\rmore", want: "0EY9-M29P" },
    { name: "backspaces", keys: "0EX\x7f\x08Y9\r", want: "0Y9" },
    { name: "Ctrl-U", keys: "wrong\x150EY9\r", want: "0EY9" },
    { name: "arrow keys and other controls", keys: "0E\x1bY9\x00\r", want: "0EY9" },
    { name: "Ctrl-C", keys: "0EY9\x03", want: undefined },
  ]
) {
  Deno.test(`readCode() takes ${name} from a terminal and shows none of it`, async () => {
    const input = typed(keys);
    let shown = "";
    const code = await readCode(input, (text) => {
      shown += text;
      return Promise.resolve();
    });
    assert.equal(code, want);
    assert.equal(shown, "Activation code (not shown): \n");
    assert.deepEqual(input.modes, [true, false]);
  });
}

Deno.test("readCode() takes the first line of a pipe without a prompt", async () => {
  const input = typed("0EY9-M29P-1G7W\nrest", false);
  assert.equal(await readCode(input, () => assert.fail()), "0EY9-M29P-1G7W");
  assert.deepEqual(input.modes, []);
});

Deno.test("readCode() comes to an end with a pipe that has none", async () => {
  const endless = { ...typed("", false), read: (bytes: Uint8Array) => Promise.resolve(bytes.fill(0x30).length) };
  assert.equal((await readCode(endless, () => assert.fail()))!.length, 1024);
});

Deno.test("readCode() wants a code", async () => {
  await assert.rejects(readCode(typed("", false), () => assert.fail()), UsageError);
});
