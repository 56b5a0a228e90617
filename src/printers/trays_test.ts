import assert from "node:assert/strict";
import { openInquiry } from "./inquiry.ts";
import { oids } from "./printer_mib.ts";
import { generic } from "./profiles/generic.ts";
import { storeOf } from "./store_of.ts";
import { readTrays } from "./trays.ts";

Deno.test("readTrays() reads name, media and level, and numbers what has no name", () => {
  const store = storeOf({
    [`${oids.prtInputName} 1.1`]: "Tray 1",
    [`${oids.prtInputMediaName} 1.1`]: "iso-a4",
    [`${oids.prtInputCapacityUnit} 1.1`]: 8,
    [`${oids.prtInputMaxCapacity} 1.1`]: 250,
    [`${oids.prtInputCurrentLevel} 1.1`]: 125,
    [`${oids.prtInputName} 1.2`]: "",
    [`${oids.prtInputDescription} 1.2`]: "Bypass",
    [`${oids.prtInputMediaName} 1.2`]: "unknown",
    [`${oids.prtInputCurrentLevel} 1.2`]: -3,
    [`${oids.prtInputCurrentLevel} 1.7`]: -1,
  });
  const trays = readTrays(openInquiry(store, generic, []));
  assert.deepEqual(trays.map(({ index, name, media, level }) => [index, name, media, level.kind, level.percent]), [
    ["1.1", "Tray 1", "iso-a4", "exact", 50],
    ["1.2", "Bypass", null, "some", null],
    ["1.7", "Tray 7", null, "unlimited", null],
  ]);
  assert.equal(trays[0]!.level.unit, "sheets");
});
