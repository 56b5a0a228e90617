import assert from "node:assert/strict";
import { oids } from "./printer_mib.ts";
import { recognise } from "./recognise.ts";
import { storeOf, type TestValue } from "./store_of.ts";
import { mayShowMore, type View, viewOf } from "./view.ts";

const marker = { [`${oids.prtMarkerLifeCount} 1.1`]: 5 };
const hp = { ...marker, [`${oids.hrDeviceDescr} 1`]: "HP LaserJet 0000" };

const views: [name: string, objects: Record<string, TestValue>, view: View, more: boolean][] = [
  ["nothing", {}, "nothing", true],
  ["the system group alone", { [oids.sysName]: "a" }, "system", true],
  ["a printer without objects of its maker", hp, "noPrivate", true],
  ["a printer with them", { ...hp, "1.3.6.1.4.1.11.2.3.9.1.1.7.0": "CLS:PRINTER;" }, "printer", false],
  ["a printer behind a print server", { ...hp, [oids.sysDescr]: "AXIS 000 Network Print Server" }, "printer", false],
  ["several printers", { ...hp, [`${oids.prtMarkerLifeCount} 2.1`]: 6 }, "printer", false],
  ["a printer of a maker of which nothing more is read", marker, "printer", false],
];
for (const [name, objects, view, more] of views) {
  Deno.test(`viewOf() sees ${name} as ${view}`, () => {
    const store = storeOf(objects);
    const recognised = recognise(store);
    assert.deepEqual([viewOf(store, recognised), mayShowMore(store, recognised)], [view, more]);
  });
}
