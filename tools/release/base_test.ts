import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { Buffer } from "node:buffer";
import { onlyFileOf, prepareBase } from "./base.ts";
import { ReleaseError } from "./release_error.ts";
import { targets } from "./verify_binary.ts";

/** A ZIP archive of one file, as APPNOTE.TXT has it: local header, content, directory, end. */
function zip(name: string, content: Uint8Array, deflated: boolean): Uint8Array {
  const packed = deflated ? deflateRawSync(content) : content;
  const local = Buffer.alloc(30), entry = Buffer.alloc(46), end = Buffer.alloc(22);
  local.writeUInt32LE(0x04034b50);
  local.writeUInt16LE(name.length, 26);
  entry.writeUInt32LE(0x02014b50);
  entry.writeUInt16LE(deflated ? 8 : 0, 10);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt32LE(content.length, 24);
  entry.writeUInt16LE(name.length, 28);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(46 + name.length, 12);
  end.writeUInt32LE(30 + name.length + packed.length, 16);
  return Buffer.concat([local, Buffer.from(name), packed, entry, Buffer.from(name), end]);
}

const content = new TextEncoder().encode("denort ".repeat(1_000));

for (const deflated of [true, false]) {
  Deno.test(`onlyFileOf() unpacks a file that is ${deflated ? "deflated" : "stored"}`, () => {
    assert.deepEqual(onlyFileOf(zip("denort", content, deflated)), content);
  });
}

Deno.test("onlyFileOf() refuses what is no ZIP file, or only a part of one, at any length", () => {
  const whole = zip("denort", content, true);
  assert.throws(() => onlyFileOf(new TextEncoder().encode("<html>not found</html>")), ReleaseError);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => onlyFileOf(whole.subarray(0, length)), ReleaseError, String(length));
  }
});

Deno.test("prepareBase() refuses deno itself, the base of another machine, and a file that is none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [own, other] = ["linux-x64", "linux-arm64"].map((name) => targets.find((each) => each.name === name)!);
    await assert.rejects(prepareBase(own!, folder, Deno.execPath()), /denort/);
    await assert.rejects(prepareBase(other!, folder, Deno.execPath()), /for linux-x64, and not for linux-arm64/);
    await Deno.writeTextFile(`${folder}/none`, "none");
    await assert.rejects(prepareBase(own!, folder, `${folder}/none`), /not an executable for linux-x64/);
    await assert.rejects(prepareBase(own!, folder, `${folder}/absent`), /Cannot read/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
