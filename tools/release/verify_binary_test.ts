import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { baseProblems, binaryProblems, formatOf, runtimeOf, type Target, targets } from "./verify_binary.ts";

/** The first bytes of an executable for a target, and a text. */
function executable({ system, processor }: Target, text: string): Uint8Array {
  const head = Buffer.alloc(256);
  const isX64 = processor === "x64";
  if (system === "linux") {
    head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    head.writeUInt16LE(isX64 ? 0x3e : 0xb7, 18);
  } else if (system === "macos") {
    head.writeUInt32LE(0xfeedfacf, 0);
    head.writeUInt32LE(isX64 ? 0x01000007 : 0x0100000c, 4);
  } else {
    head.write("MZ", 0, "latin1");
    head.writeUInt32LE(128, 0x3c);
    head.write("PE\0\0", 128, "latin1");
    head.writeUInt16LE(isX64 ? 0x8664 : 0xaa64, 132);
  }
  return Buffer.concat([head, Buffer.from(text)]);
}

const marker = '{"program":"opendca","commit":"abc"}';
const expected = { marker, runtime: "2.9.3", forbidden: ["/home/me/source"], maxBytes: 1_000 };
const linux = targets.find(({ name }) => name === "linux-x64")!;
const good = `Deno/2.9.3 ${marker}`;

for (const target of targets) {
  Deno.test(`formatOf() knows an executable for ${target.name}`, () => {
    const bytes = executable(target, good);
    assert.deepEqual(formatOf(bytes), { system: target.system, processor: target.processor });
    assert.deepEqual(binaryProblems(bytes, { ...expected, target }), []);
    for (const other of targets.filter((each) => each !== target)) {
      const problems = binaryProblems(bytes, { ...expected, target: other });
      assert.match(problems.join(), new RegExp(`for ${target.name}, and not for ${other.name}`));
    }
  });
}

const strangers = [
  { name: "an empty file", bytes: new Uint8Array() },
  { name: "a script", bytes: Buffer.from(`#!/bin/sh\n${" ".repeat(100)}`) },
  { name: "half a header", bytes: executable(linux, "").subarray(0, 20) },
  { name: "MZ that points out of the file", bytes: Buffer.concat([Buffer.from("MZ"), Buffer.alloc(100, 0xff)]) },
  { name: "MZ without PE", bytes: Buffer.concat([Buffer.from("MZ"), Buffer.alloc(100)]) },
];
for (const { name, bytes } of strangers) {
  Deno.test(`formatOf() knows ${name} as no executable`, () => assert.equal(formatOf(bytes), undefined));
}

Deno.test("formatOf() takes an ELF file of 32 bits or another machine for another processor", () => {
  const narrow = executable(linux, ""), riscv = executable(linux, "");
  narrow[4] = 1;
  riscv[18] = 0xf3;
  for (const bytes of [narrow, riscv]) assert.deepEqual(formatOf(bytes), { system: "linux", processor: "other" });
});

Deno.test("runtimeOf() reads the version that the runtime names, not another text", () => {
  assert.equal(runtimeOf(Buffer.from("x Deno/x Deno/${version} Deno/2.9.3 Deno/9.9.9")), "2.9.3");
  assert.equal(runtimeOf(Buffer.from("Deno/2.9")), undefined);
  assert.equal(runtimeOf(new Uint8Array()), undefined);
});

const faulty = [
  { name: "plain deno", text: `${good} textDocument/hover`, want: "it is deno itself" },
  { name: "a file without the program", text: "Deno/2.9.3", want: "does not contain the program" },
  { name: "the program of another commit", text: good.replace("abc", "abd"), want: "does not contain the program" },
  { name: "another runtime", text: good.replace("2.9.3", "2.9.4"), want: "runs on Deno 2.9.4, and 2.9.3 is" },
  { name: "no runtime", text: marker, want: "names no version of Deno" },
  { name: "a path of the builder", text: `${good} /home/me/source/main.ts`, want: "names the folder /home/me/source" },
  { name: "a mark of Deno", text: `${good} {"n":".scripts-warned-12"}`, want: "an install script" },
  { name: "too many bytes", text: good + " ".repeat(1_000), want: "is the limit" },
];
for (const { name, text, want } of faulty) {
  Deno.test(`binaryProblems() names ${name}, and nothing else`, () => {
    const problems = binaryProblems(executable(linux, text), { ...expected, target: linux });
    assert.equal(problems.length, 1, problems.join("; "));
    assert(problems[0]!.includes(want), problems.join());
  });
}

Deno.test("binaryProblems() takes any runtime where that is permitted", () => {
  const bytes = executable(linux, good.replace("2.9.3", "2.9.4"));
  assert.deepEqual(binaryProblems(bytes, { ...expected, target: linux, runtime: undefined }), []);
});

Deno.test("baseProblems() refuses the base of another machine", () => {
  const arm = targets.find(({ name }) => name === "linux-arm64")!;
  assert.deepEqual(baseProblems(executable(linux, "Deno/2.9.3"), arm), [
    "it is an executable for linux-x64, and not for linux-arm64",
  ]);
});
