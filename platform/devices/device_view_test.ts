import assert from "node:assert/strict";
import { Record as RecordMessage } from "../../proto/gen/opendca/v1/batch.ts";
import { type Level, LevelKind, PrinterState, Reading, Supply } from "../../proto/gen/opendca/v1/reading.ts";
import type { DeviceRow } from "./devices.ts";
import { type DeviceState, isLow, nextState } from "./device_state.ts";
import { levelText, supplyName, viewOf } from "./device_view.ts";

const names: [kind: string, colorant: string, description: string, want: string][] = [
  ["toner", "black", "TN-1", "black toner"],
  ["tonerCartridge", "lightCyan", "", "light cyan toner"],
  ["wasteToner", "none", "", "waste toner"],
  ["fuser", "none", "Fuser Kit", "fuser"],
  ["other", "none", "Tray 1 Roller", "Tray 1 Roller"],
  ["unknown", "none", "", "unknown"],
  ["", "", "", "unknown"],
];
for (const [kind, colorant, description, want] of names) {
  Deno.test(`supplyName() of ${kind} "${description}" is ${want}`, () =>
    assert.equal(supplyName(Supply.fromPartial({ kind, colorant, description })), want));
}

const levels: [level: Partial<Level> | undefined, text: string, low: boolean][] = [
  [{ kind: LevelKind.EXACT, percent: 0.2 }, "1 %", true],
  [{ kind: LevelKind.EXACT, percent: 20 }, "20 %", true],
  [{ kind: LevelKind.EXACT, percent: 20.1 }, "20 %", false],
  [{ kind: LevelKind.EXACT, percent: 99.9 }, "99 %", false],
  [{ kind: LevelKind.EMPTY, percent: 0 }, "empty", true],
  [{ kind: LevelKind.EXACT }, "?", false],
  [{ kind: LevelKind.SOME }, "some", false],
  [{ kind: LevelKind.UNLIMITED }, "unlimited", false],
  [{ kind: LevelKind.UNKNOWN }, "?", false],
  [undefined, "?", false],
];
for (const [level, text, low] of levels) {
  Deno.test(`a supply with ${JSON.stringify(level)} is ${text} and ${low ? "" : "not "}low`, () => {
    const supply = Supply.fromPartial(level === undefined ? {} : { level });
    assert.deepEqual([levelText(supply.level), isLow(supply)], [text, low]);
  });
}

const now = Date.parse("2026-03-02T08:00:00Z");
const minute = 60_000, day = 86_400_000;

function viewed(
  readings: { ageMs: number; scope?: "status"; parts: Parameters<typeof Reading.fromPartial>[0] }[],
  row: Partial<DeviceRow> = {},
) {
  let state: DeviceState | undefined;
  for (const { ageMs, scope = "full", parts } of readings.toReversed()) {
    const at = new Date(now - ageMs), reading = Reading.fromPartial(parts);
    const content = { $case: "reading" as const, value: reading };
    state = nextState(state, {
      deviceId: "dev-1",
      agentId: "agt-1",
      observedAt: at,
      receivedAt: at,
      basis: "agent",
      scope,
      reading,
      stored: RecordMessage.encode(RecordMessage.fromPartial({ content })).finish(),
    });
  }
  return viewOf({ state: "idle", last_seen_at: now - (readings[0]?.ageMs ?? 0), ...row } as DeviceRow, state, now);
}

const meters = [{ name: "total", value: 7 }], supplies = [{ kind: "toner", colorant: "black" }];
const asleep = { state: PrinterState.SLEEPING };
const notes: [name: string, readings: Parameters<typeof viewed>[0], row: Partial<DeviceRow>, want: string | null][] = [
  ["was read in full", [{ ageMs: minute, parts: { meters, supplies } }], {}, null],
  ["is asleep", [{ ageMs: minute, parts: { status: asleep } }], {}, "no meters: asleep"],
  ["shows none", [{ ageMs: minute, parts: { supplies } }], {}, "no meters: the device has none"],
  [
    "did not answer everything",
    [{ ageMs: minute, parts: { problems: [{ code: "limited-view", message: "The view is limited" }] } }],
    {},
    "no meters: The view is limited",
  ],
  [
    "was asked for its status alone",
    [{ ageMs: minute, scope: "status", parts: { supplies } }],
    {},
    "no meters: only status reads so far",
  ],
  ["was never read", [], {}, "no meters: not read yet".replace("no meters: ", "")],
  [
    "is silent",
    [{ ageMs: 2 * day, parts: { meters } }],
    {},
    "not answered since 2026-02-28 08:00",
  ],
  [
    "is known to be away, and had no meters",
    [{ ageMs: minute, parts: {} }],
    { state: "offline" },
    "not answered since 2026-03-02 07:59; no meters: the device has none",
  ],
];
for (const [name, readings, row, want] of notes) {
  Deno.test(`viewOf() a device that ${name} says: ${want}`, () => assert.equal(viewed(readings, row).note, want));
}

Deno.test("viewOf() takes each part from the newest reading that has some", () => {
  const view = viewed([
    { ageMs: minute, scope: "status", parts: { status: asleep } },
    { ageMs: 2 * minute, scope: "status", parts: { supplies } },
    { ageMs: 3 * minute, parts: { meters, supplies, trays: [{ name: "Tray 1" }] } },
    { ageMs: 4 * minute, parts: { meters, supplies, trays: [{ name: "Tray 0" }] } },
  ]);
  const ages = [view.newest?.observed_at, view.supplies?.at, view.meters?.at, view.trays?.at];
  assert.deepEqual(ages.map((at) => (now - at!) / minute), [1, 2, 3, 3]);
  assert.equal(view.note, null);
});
