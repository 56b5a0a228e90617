import assert from "node:assert/strict";
import fc from "fast-check";
import { formatProgressLine, type ProgressState, renderProgress } from "./progress.ts";
import { cells } from "../../common/report/terminal_line.ts";

const middle: ProgressState = {
  addresses: 65536,
  probed: 33280,
  answered: 41,
  printers: 9,
  reading: 3,
  packetsSent: 33900,
  elapsedMs: 16_640,
  leftMs: 16_128,
  ratePerSecond: 1998.4,
};

const lines = [
  {
    columns: 140,
    want:
      "[███████████░░░░░░░░░░░]  50%  33,280/65,536 addresses  1,998 packets/s  41 answered  9 of 12 printers read  17 s left",
  },
  {
    columns: 100,
    want: "[██████████▌░░░░░░░░░░]  50%  33,280/65,536 addresses  41 answered  9 of 12 printers read  17 s left",
  },
  { columns: 80, want: "[███████░░░░░░░]  50%  33,280/65,536 addresses  9 of 12 printers read  17 s left" },
  { columns: 40, want: "[███████████░░░░░░░░░░░]  50%  17 s left" },
  { columns: 20, want: "[██████▌░░░░░░]  50%" },
  { columns: 3, want: "50%" },
  { columns: 0, want: "" },
];
for (const { columns, want } of lines) {
  Deno.test(`renderProgress() at ${columns} columns`, () => assert.equal(renderProgress(middle, { columns }), want));
}

Deno.test("renderProgress() without Unicode is ASCII", () => {
  assert.match(renderProgress(middle, { columns: 120, unicode: false }), /^\[#+-+\] [\x20-\x7e]+$/);
});

Deno.test("renderProgress() is one line that fits, whatever the numbers", () => {
  const number = fc.oneof(fc.double(), fc.nat());
  const states = fc.record({
    addresses: number,
    probed: number,
    answered: number,
    printers: number,
    reading: number,
    packetsSent: number,
    elapsedMs: number,
    leftMs: number,
    ratePerSecond: number,
  });
  fc.assert(fc.property(states, fc.integer({ min: 0, max: 200 }), (state, columns) => {
    const line = renderProgress(state, { columns });
    assert.ok(cells(line) <= columns);
    assert.doesNotMatch(line, /\p{Cc}/u);
  }));
});

const words = [
  {
    name: "in the middle",
    state: middle,
    want: "33,280 of 65,536 addresses probed (50%), 41 answered, 9 of 12 printers read, 1,998 packets/s, 17 s left",
  },
  {
    name: "before the first packet",
    state: {
      ...middle,
      probed: 0,
      answered: 0,
      printers: 0,
      reading: 0,
      ratePerSecond: 0,
      elapsedMs: 0,
      leftMs: undefined,
    },
    want: "0 of 65,536 addresses probed (0%), 0 answered, 0 printers, 0 packets/s",
  },
  {
    name: "when only reading is left",
    state: { ...middle, probed: 65536, leftMs: 41_000, ratePerSecond: Number.NaN },
    want: "65,536 of 65,536 addresses probed (100%), 41 answered, 9 of 12 printers read, 0 packets/s, 41 s left",
  },
  {
    name: "one address before the end",
    state: { ...middle, probed: 65535, printers: 1, reading: 0, leftMs: 1 },
    want: "65,535 of 65,536 addresses probed (99%), 41 answered, 1 printer, 1,998 packets/s, 1 s left",
  },
  {
    name: "with hours to go",
    state: { ...middle, probed: 1000, elapsedMs: 100_000, leftMs: 6_453_600 },
    want: "1,000 of 65,536 addresses probed (1%), 41 answered, 9 of 12 printers read, 1,998 packets/s, 1 h 48 min left",
  },
];
for (const { name, state, want } of words) {
  Deno.test(`formatProgressLine() ${name}`, () => assert.equal(formatProgressLine(state), want));
}
