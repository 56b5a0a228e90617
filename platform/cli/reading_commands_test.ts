import assert from "node:assert/strict";
import { LevelKind, Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { supplyText } from "./reading_commands.ts";

const names: [kind: string, colorant: string, description: string, want: string][] = [
  ["toner", "black", "TN-1", "black toner 44%"],
  ["fuser", "none", "Fuser Kit", "fuser 44%"],
  ["other", "none", "Tray 1 Roller", "Tray 1 Roller 44%"],
  ["unknown", "none", "", "unknown 44%"],
];
for (const [kind, colorant, description, want] of names) {
  Deno.test(`supplyText() of ${kind} "${description}" is ${want}`, () => {
    const level = { kind: LevelKind.EXACT, percent: 44 };
    assert.equal(supplyText(Supply.fromPartial({ kind, colorant, description, level })), want);
  });
}
