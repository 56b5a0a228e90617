import { type Inquiry, maybeText } from "./inquiry.ts";
import { knownText } from "./identity.ts";
import { interpretLevel } from "./level.ts";
import { oids, units } from "./printer_mib.ts";
import { maybeInteger } from "./raw_value.ts";
import type { Tray } from "./reading.ts";
import { rowsOf } from "./table_rows.ts";

const columns = {
  unit: oids.prtInputCapacityUnit,
  capacity: oids.prtInputMaxCapacity,
  level: oids.prtInputCurrentLevel,
  media: oids.prtInputMediaName,
  name: oids.prtInputName,
  description: oids.prtInputDescription,
};

/** Rows of prtInputTable. */
export function readTrays(inquiry: Inquiry): Tray[] {
  const trays: Tray[] = [];
  for (const { index, values } of rowsOf(inquiry.store, columns)) {
    if (index.split(".")[0] !== inquiry.device) continue;
    const text = (value: typeof values.name) => knownText(maybeText(value, inquiry.charset));
    const unit = maybeInteger(values.unit);
    const level = interpretLevel({
      level: maybeInteger(values.level),
      capacity: maybeInteger(values.capacity),
      unit,
    });
    trays.push({
      index,
      name: text(values.name) ?? text(values.description) ?? `Tray ${index.split(".").at(-1)}`,
      media: text(values.media) ?? null,
      level: { ...level, unit: units[unit ?? 0] ?? null },
    });
  }
  return trays;
}
