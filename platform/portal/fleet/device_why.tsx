/** Why a meter or a level has its value: the rule, the object, what it answered, and what else the device counts. */
import { othersFrom } from "../../../common/reading/decode_reading.ts";
import { contradictsLevel, contradictsMeter, objectText } from "../../../common/reading/other_sources.ts";
import type { OtherSource } from "../../../common/reading/reading.ts";
import type { DeviceDetails } from "../../devices/show_device.ts";
import { supplyName } from "../../devices/device_view.ts";
import type { Meter, Problem, RawValue, Source, Supply } from "../../../proto/gen/opendca/v1/reading.ts";
import { supplyText } from "../../devices/supply_text.ts";
import { Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import type { Translate } from "../words/words.ts";
import { shownLevel } from "./shown.ts";

export function WhyNumber(
  { request, meters, supplies, problems }: {
    request: CustomerRequest;
    meters: readonly Meter[];
    supplies: readonly Supply[];
    problems: readonly Problem[];
  },
) {
  const { t, formats } = request;
  if (meters.length === 0 && supplies.length === 0 && problems.length === 0) return null;
  return (
    <section id="why">
      <h2>{t("whyNumber")}</h2>
      <Table
        rows={meters}
        empty={t("noneRead")}
        caption={t("whyNumber")}
        isTitled
        columns={[
          { heading: t("meter"), cell: ({ name }) => name },
          { heading: t("value"), isNumber: true, cell: ({ value }) => formats.number(value) },
          { heading: t("rule"), cell: ({ source }) => source?.rule ?? "" },
          { heading: t("objectRead"), cell: ({ source }) => <code>{source?.oid ?? ""}</code> },
          { heading: t("rawValue"), cell: ({ source }) => rawText(source) },
          { heading: t("otherValues"), cell: (meter) => othersOf(meter, meters) },
        ]}
      />
      {supplies.length > 0 && (
        <Table
          rows={supplies}
          empty=""
          caption={t("whyLevel")}
          columns={[
            { heading: t("supply"), cell: (supply) => supplyText(supplyName(supply), t) },
            { heading: t("level"), isNumber: true, cell: ({ level }) => shownLevel(level, t) },
            { heading: t("rule"), cell: ({ source }) => source?.rule ?? "" },
            { heading: t("objectRead"), cell: ({ source }) => <code>{source?.oid ?? ""}</code> },
            { heading: t("rawValue"), cell: ({ source }) => rawText(source) },
            { heading: t("note"), cell: (supply) => levelNote(supply, t) },
          ]}
        />
      )}
      <OtherSources request={request} meters={meters} supplies={supplies} />
      {problems.length > 0 && (
        <>
          <h3>{t("readProblems")}</h3>
          <ul>
            {problems.map(({ code, message, oid }) => (
              <li>
                {message} <span class="quiet">{[code, oid].filter((text) => text).join(" ")}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

/** Where another object counts something else, a link to what it says: beside the name, as phones show little more. */
export function Doubt({ meter, t }: { meter: DeviceDetails["meters"][number]; t: Translate }) {
  if (!meter.others.some((other) => contradictsMeter(meter, other))) return null;
  return (
    <div>
      <a class="bad" href="#others">{t("othersDisagree")}</a>
    </div>
  );
}

interface OtherRow extends OtherSource {
  of: string;
  taken: string;
  /** How much more it says than what was taken; undefined where they cannot be compared. */
  difference: string | undefined;
  contradicts: boolean;
}

/** What other objects answered for the same values; those that contradict first. */
function OtherSources(
  { request: { t, formats }, meters, supplies }: {
    request: CustomerRequest;
    meters: readonly Meter[];
    supplies: readonly Supply[];
  },
) {
  const signed = (value: number) => `${value > 0 ? "+" : ""}${formats.number(value)}`;
  const rows: OtherRow[] = [
    ...meters.flatMap((meter) =>
      othersFrom(meter.others).map((other) => {
        const { value, unit = meter.unit } = other;
        const difference = value === null || unit !== meter.unit ? undefined : signed(value - meter.value);
        const contradicts = contradictsMeter(meter, other);
        return { ...other, of: meter.name, taken: formats.number(meter.value), difference, contradicts };
      })
    ),
    ...supplies.flatMap((supply) =>
      othersFrom(supply.others).map((other) => {
        const { percent } = supply.level ?? {};
        const difference = other.value === null || percent === undefined ? undefined : signed(other.value - percent);
        const of = supplyText(supplyName(supply), t), taken = shownLevel(supply.level, t);
        return { ...other, unit: "%", of, taken, difference, contradicts: contradictsLevel({ percent }, other) };
      })
    ),
  ];
  const answer = ({ value, unit, raw = "" }: OtherRow) =>
    value === null ? String(raw) : [formats.number(value), unit].filter((text) => text !== undefined).join(" ");
  return (
    <div id="others">
      <Table
        rows={rows.toSorted((a, b) => Number(b.contradicts) - Number(a.contradicts))}
        empty={t("noOthers")}
        caption={t("othersNotTaken")}
        columns={[
          { heading: t("value"), cell: ({ of }) => of },
          { heading: t("otherAnswer"), isNumber: true, cell: answer },
          { heading: t("valueTaken"), isNumber: true, cell: ({ taken }) => taken },
          {
            heading: t("difference"),
            isNumber: true,
            cell: ({ difference = "", contradicts }) =>
              contradicts ? <strong class="bad">{difference}</strong> : difference,
          },
          { heading: t("whyNotTaken"), cell: ({ why }) => t(`whyNot_${why}`) },
          { heading: t("rule"), cell: ({ rule }) => rule },
          { heading: t("objectRead"), cell: ({ oid }) => <code>{objectText(oid)}</code> },
        ]}
      />
      <p class="quiet">{t("whyFirst")}</p>
    </div>
  );
}

/** What a code instead of a level means (RFC 3805, prtMarkerSuppliesLevel and prtMarkerSuppliesMaxCapacity). */
export function levelNote({ source }: Supply, t: Translate): string {
  const level = columnOf(source, "level"), capacity = columnOf(source, "capacity");
  if (level === -1) return t("levelUnlimited");
  if (level === -2) return t("levelUnknown");
  if (level === -3) return t("levelSome");
  if (level !== undefined && level < 0) return t("levelInvalid");
  return level !== undefined && capacity !== undefined && capacity < 0 ? t("capacityUnknown") : "";
}

function columnOf(source: Source | undefined, wanted: string): number | undefined {
  const { raw } = source ?? {};
  if (raw?.value?.$case !== "columns") return undefined;
  const value = raw.value.value.columns.find(({ name }) => name === wanted)?.value;
  return value?.$case === "number" ? value.value : undefined;
}

function rawText(source: Source | undefined): string {
  return valueText(source?.raw);
}

const mostText = 200;

export function valueText(raw: RawValue | undefined): string {
  switch (raw?.value?.$case) {
    case "number":
      return String(raw.value.value);
    case "text":
      return raw.value.value.slice(0, mostText);
    case "columns":
      return raw.value.value.columns.map(({ name, value }) => `${name}=${value?.value ?? "–"}`).join(" ").slice(
        0,
        mostText,
      );
    default:
      return "";
  }
}

/** Meters of the same object or rule's table that have another value: what it might be mistaken for. */
function othersOf({ name, value, source }: Meter, meters: readonly Meter[]): string {
  if (source === undefined) return "";
  const table = source.oid.split(".").slice(0, -2).join(".");
  return meters.filter((other) =>
    other.name !== name && other.value !== value && other.source?.oid.startsWith(`${table}.`)
  ).map((other) => `${other.name} ${other.value}`).join(", ").slice(0, mostText);
}
