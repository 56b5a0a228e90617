/** Why a meter has its value: the rule, the object and what it answered, and what else the device counts. */
import type { Meter, Problem, RawValue, Source } from "../../../proto/gen/opendca/v1/reading.ts";
import { Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";

export function WhyNumber(
  { request, meters, problems }: { request: CustomerRequest; meters: readonly Meter[]; problems: readonly Problem[] },
) {
  const { t, formats } = request;
  if (meters.length === 0 && problems.length === 0) return null;
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
