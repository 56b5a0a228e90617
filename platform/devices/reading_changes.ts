/** What one reading tells that the one before did not, as entries of the device's history. Pure. */
import type { Meter, Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { shortText } from "../store/storable.ts";
import type { HistoryRow } from "./devices.ts";

const mostText = 200;
/** Of one reading: an agent that makes values up must not fill the history faster than the samples. */
const mostReplaced = 8;

/** A meter that decreased: `total`, else the first one. */
export function fallenMeter(before: readonly Meter[], after: readonly Meter[], at: number): HistoryRow | undefined {
  const was = new Map(before.map(({ name, value }) => [name, value]));
  const fallen = after.filter(({ name, value }) => value < (was.get(name) ?? -Infinity));
  const meter = fallen.find(({ name }) => name === "total") ?? fallen[0];
  if (meter === undefined) return undefined;
  const text = (value: number) => shortText(`${meter.name} ${value}`, mostText);
  return { at, kind: "meterFell", before: text(was.get(meter.name)!), after: text(meter.value) };
}

/** Supplies in whose place another serial or part number was read. A number that is missing tells nothing. */
export function replacedSupplies(before: readonly Supply[], after: readonly Supply[], at: number): HistoryRow[] {
  const was = new Map(before.map((supply) => [supply.index, supply]));
  return after.filter((supply) => {
    const known = was.get(supply.index);
    return known !== undefined &&
      (isOther(known.serial, supply.serial) || isOther(known.partNumber, supply.partNumber));
  }).slice(0, mostReplaced).map((supply) => ({
    at,
    kind: "supplyReplaced",
    before: textOf(was.get(supply.index)!),
    after: textOf(supply),
  }));
}

function isOther(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a.trim() !== "" && b.trim() !== "" && a.trim() !== b.trim();
}

/** The index comes first: it has no blanks. */
function textOf({ index, partNumber, serial }: Supply): string {
  return shortText([index.replaceAll(" ", "_"), partNumber, serial].filter((part) => part).join(" "), mostText);
}
