import type { Inquiry } from "./inquiry.ts";
import { oids, units } from "./printer_mib.ts";
import { maybeCounter, maybeInteger, rawOf } from "./raw_value.ts";
import { agree } from "../../common/reading/other_sources.ts";
import { plausible } from "./meter_checks.ts";
import { type MeterOffer, offerOfCount } from "./meter_offer.ts";
import { ofPrinter, rowsOf } from "./table_rows.ts";

/**
 * The total from prtMarkerLifeCount. With several markers: the sum if the device's own black and colour counters show
 * that the markers print different pages, otherwise the largest, because with one marker for each colour all count the
 * same page. `isLast`: the device's own total is used, so differences between the markers need no explanation.
 */
export function markerTotals(inquiry: Inquiry, own: MeterOffer[], isLast: boolean): MeterOffer[] {
  const columns = { count: oids.prtMarkerLifeCount, unit: oids.prtMarkerCounterUnit };
  const rows = ofPrinter(rowsOf(inquiry.store, columns), inquiry.device)
    .filter(({ values }) => values.count !== undefined)
    .map(({ index, values }) => {
      const unit = units[maybeInteger(values.unit) ?? 7] ?? "unknown";
      const number = maybeCounter(values.count);
      const count = number !== undefined && plausible(number, unit) ? number : undefined;
      return {
        meter: "total",
        oid: `${oids.prtMarkerLifeCount}.${index}`,
        answered: values.count,
        number,
        count,
        unit,
      };
    });
  const offerOf = (row: typeof rows[number], rule: string): MeterOffer => offerOfCount({ rule }, row);
  // Hours and metres cannot be compared with pages.
  const valid = rows.filter(({ count }) => count !== undefined);
  const { unit: main } = valid.find(({ unit }) => unit === "impressions") ?? valid[0] ?? { unit: "" };
  const counted = valid.filter(({ unit }) => unit === main);
  if (counted.length === 0) return rows.map((row) => offerOf(row, "rfc3805.lifeCount"));
  if (counted.length === 1) return [offerOf(counted[0]!, "rfc3805.lifeCount")];
  const first = counted[0]!;
  const largest = counted.reduce((best, row) => row.count! > best.count! ? row : best);
  // A marker that never printed is not installed.
  if (counted.every(({ count }) => count === largest.count || count === 0)) {
    return [offerOf(largest, "rfc3805.lifeCount")];
  }
  const sum = counted.reduce((total, row) => total + row.count!, 0);
  const raw = Object.fromEntries(counted.map(({ oid, answered }) => [oid, rawOf(answered)]));
  if (ownTotal(own) !== undefined && agree(ownTotal(own)!, sum)) {
    const value = { value: sum, unit: first.unit };
    return [{ meter: "total", oid: first.oid, rule: "rfc3805.sumOfMarkers", answered: first.answered, value, raw }];
  }
  if (!isLast) {
    inquiry.problems.push({
      code: "severalMarkers",
      message: `${counted.length} markers count differently (${
        counted.map(({ count }) => count).join(", ")
      }); the largest is the total`,
      oid: first.oid,
    });
  }
  return [{ ...offerOf(largest, "rfc3805.largestMarker"), raw }];
}

function ownTotal(own: MeterOffer[]): number | undefined {
  const valueOf = (name: string) => own.find(({ meter, value }) => meter === name && value !== undefined)?.value?.value;
  const mono = valueOf("mono"), color = valueOf("color");
  return valueOf("total") ?? (mono !== undefined && color !== undefined ? mono + color : undefined);
}
