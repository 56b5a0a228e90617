import { type Inquiry, maybeText } from "./inquiry.ts";
import { knownText } from "./known_text.ts";
import { interpretLevel } from "./level.ts";
import { oids, units } from "./printer_mib.ts";
import { maybeInteger, maybeLevel, rawOf } from "./raw_value.ts";
import type { Tray } from "../../common/reading/reading.ts";
import { ofPrinter, rowsOf } from "./table_rows.ts";
import { firstValid, type Offer } from "./trace.ts";

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
  for (const { index, values } of ofPrinter(rowsOf(inquiry.store, columns), inquiry.device)) {
    const text = (value: typeof values.name) => knownText(maybeText(value, inquiry.charset));
    const unit = maybeInteger(values.unit);
    const level = interpretLevel({
      level: maybeLevel(values.level),
      capacity: maybeLevel(values.capacity),
      unit,
    });
    const field = `trays.${index}`;
    const offer = (name: keyof typeof columns, rule: string) => ({
      oid: `${columns[name]}.${index}`,
      rule,
      answered: values[name],
      value: text(values[name]),
      ...values[name] === undefined ? {} : { reason: "empty or a placeholder" },
    });
    const numbered = `Tray ${index.split(".").at(-1)}`;
    const names: Offer<string>[] = [
      offer("name", "rfc3805.inputName"),
      offer("description", "rfc3805.inputDescription"),
    ];
    if (names.every(({ value }) => value === undefined)) {
      const oid = `${columns.name}.${index}`;
      names.push({ oid, rule: "derived.trayNumber", answered: undefined, value: numbered });
    }
    const name = firstValid(inquiry.trace, `${field}.name`, names);
    const media = firstValid(inquiry.trace, `${field}.media`, [offer("media", "rfc3805.inputMedia")]);
    firstValid(inquiry.trace, `${field}.level`, [{
      oid: `${columns.level}.${index}`,
      rule: "rfc3805.input",
      answered: values.level,
      raw: { level: rawOf(values.level), capacity: rawOf(values.capacity), unit: rawOf(values.unit) },
      value: level.percent ?? undefined,
      reason: level.kind,
    }]);
    trays.push({
      index,
      name: name?.value ?? numbered,
      media: media?.value ?? null,
      level: { ...level, unit: units[unit ?? 0] ?? null },
    });
  }
  return trays;
}
