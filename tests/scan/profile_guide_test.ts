/** The profile that docs/profiles.md writes, tested as one of a maker is: with an invented recording. */
import assert from "node:assert/strict";
import { simulateRead } from "../../src/recording/replay.ts";
import { parseSnmprec } from "../../src/recording/snmprec.ts";
import type { Profile } from "../../src/printers/profile.ts";
import { interpretReading } from "../../src/printers/interpret_reading.ts";

/** Invented, with the habits of recording quillon-qx-420dn. */
const recording = `
1.3.6.1.2.1.1.1.0|4|Quillon Print Server 9.9
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.32473.1.4
1.3.6.1.2.1.25.3.2.1.3.1|4|Quillon QX 999 Series
1.3.6.1.2.1.43.10.2.1.4.1.1|65|0
1.3.6.1.2.1.43.11.1.1.5.1.1|2|3
1.3.6.1.2.1.43.11.1.1.6.1.1|4|QT-999 Black
1.3.6.1.2.1.43.11.1.1.8.1.1|2|-2
1.3.6.1.2.1.43.11.1.1.9.1.1|2|-3
1.3.6.1.4.1.32473.1.1.1.0|4|QX 999
1.3.6.1.4.1.32473.1.1.2.0|4|QZ99Z0000001
1.3.6.1.4.1.32473.1.1.3.0|4|9.9.9
1.3.6.1.4.1.32473.1.2.1.0|65|1000
1.3.6.1.4.1.32473.1.2.2.0|65|300
1.3.6.1.4.1.32473.1.3.1.1.2.1|4|QT-999 Black toner
1.3.6.1.4.1.32473.1.3.1.1.2.2|4|QD-999 Drum unit
1.3.6.1.4.1.32473.1.3.1.1.3.1|2|40
1.3.6.1.4.1.32473.1.3.1.1.3.2|2|0
`;

Deno.test("quillon reads identity, counters and levels from its private objects", async () => {
  // In a test of a real maker the profile is found by the recording: `const { store, profile } = simulateRead(objects);`
  const { store, profile } = simulateRead(parseSnmprec(recording).objects, await profileOfGuide());
  assert.equal(profile.id, "quillon");
  const { reading } = interpretReading(store, {
    observedAt: new Date(0),
    address: "192.0.2.1",
    port: 161,
    targetName: null,
    snmp: { version: "2c", engineId: null },
    problems: [],
    profile,
  });
  assert.deepEqual([reading.manufacturer, reading.model, reading.serial, reading.firmware], [
    "Quillon",
    "QX 999",
    "QZ99Z0000001",
    "9.9.9",
  ]);
  assert.deepEqual(reading.meters.map(({ name, value, unit }) => [name, value, unit]), [
    ["total", 1000, "impressions"],
    ["duplex", 300, "sheets"],
  ]);
  assert.deepEqual(reading.supplies.map(({ kind, colorant, level }) => [kind, colorant, level.kind, level.percent]), [
    ["toner", "black", "exact", 40],
    ["drum", "none", "empty", 0],
  ]);
});

async function profileOfGuide(): Promise<Profile> {
  const guide = Deno.readTextFileSync(new URL("../../docs/profiles.md", import.meta.url));
  const text = /```ts\n(.*?)```/s.exec(guide)?.[1] ?? "";
  const module = text.replace(/^import type .*$/m, "").replace(": Profile", "");
  return (await import(`data:text/javascript,${encodeURIComponent(module)}`)).quillon;
}
