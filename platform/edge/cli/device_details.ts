/** All stored data of one device, as text and as JSON. */
import { othersFrom } from "../../../common/reading/decode_reading.ts";
import {
  contradictsLevel,
  contradictsMeter,
  objectText,
  whyNotTakenWords,
} from "../../../common/reading/other_sources.ts";
import type { OtherSource } from "../../../common/reading/reading.ts";
import { severityOf } from "../../devices/alerts.ts";
import {
  levelText,
  shownAlert,
  shownProblem,
  shownSupply,
  shownTray,
  supplyName,
  words,
} from "../../devices/device_view.ts";
import { changeCells, changeColumns, shownChange } from "./device_changes_table.ts";
import type { DeviceDetails } from "../../devices/show_device.ts";
import { type Cell, type Column, minuteText, renderFacts, renderTable, type Screen, timeText } from "./table.ts";

export function shownDevice({ view, site, meters, evidence, places, agents, history, changes }: DeviceDetails) {
  const { row: { merged_into: _, split: __, ...row }, newest } = view;
  return {
    ...row,
    site,
    note: view.note,
    silent: view.isSilent,
    newest: newest === undefined ? null : {
      observedAt: newest.observed_at,
      receivedAt: newest.received_at,
      timeBasis: newest.time_basis,
      scope: newest.scope,
      agentId: newest.agent_id,
    },
    panel: newest?.reading.status?.panel ?? null,
    errors: newest?.reading.status?.errors ?? [],
    supplies: (view.supplies?.values ?? []).map((supply) => ({
      ...shownSupply(supply),
      others: othersFrom(supply.others),
    })),
    suppliesReadAt: view.supplies?.at ?? null,
    trays: (view.trays?.values ?? []).map(shownTray),
    traysReadAt: view.trays?.at ?? null,
    alerts: (newest?.reading.alerts ?? []).map(shownAlert),
    problems: (newest?.reading.problems ?? []).map(shownProblem),
    meters,
    evidence: evidence.map(({ kind, value, seen_at, sure }) => ({
      kind,
      value,
      since: shownTime(seen_at),
      sure: sure === 1,
    })),
    places: places.map(({ until, ...place }) => ({ ...place, until: until === null ? null : shownTime(until) })),
    agents,
    history,
    changes: changes.map(shownChange),
  };
}

function shownTime(ms: number): string {
  return new Date(ms).toISOString();
}

type Part = (name: string, columns: (string | Column)[], rows: Cell[][], empty?: string) => string;

/** Parts with a heading each; empty parts are left out, except supplies and meters, which are reported as missing. */
export function deviceText(details: DeviceDetails, screen: Screen): string {
  const { view, meters } = details;
  const part: Part = (name, columns, rows, empty) =>
    rows.length > 0
      ? `\n${name}\n${renderTable(columns, rows, screen)}`
      : empty === undefined
      ? ""
      : `\n${name}: ${empty}\n`;
  const alerts = view.newest?.reading.alerts ?? [];
  const readText = (at: number | undefined) => at === undefined ? "" : `, read ${timeText(at)}`;
  return [
    renderFacts(factsOf(details), screen),
    part(
      `Supplies${readText(view.supplies?.at)}`,
      [{ heading: "SUPPLY", shrink: 16 }, "COLOUR", "LEFT", "LEVEL", "UNIT", "LOW", {
        heading: "PART",
        optional: true,
      }],
      (view.supplies?.values ?? []).map(shownSupply).map(({ name, colorant, level, low, partNumber }) => [
        name,
        colorant === "none" ? null : colorant,
        level.kind === "exact" && level.percent !== null ? `${Math.round(level.percent)} %` : level.kind,
        level.level === null ? null : `${level.level}${level.capacity === null ? "" : ` of ${level.capacity}`}`,
        level.unit,
        low ? "low" : null,
        partNumber,
      ]),
      "none were read",
    ),
    part(
      `Trays${readText(view.trays?.at)}`,
      [{ heading: "TRAY", shrink: 16 }, { heading: "MEDIA", shrink: 12 }, "LEFT", "LEVEL", "UNIT"],
      (view.trays?.values ?? []).map(shownTray).map(({ name, media, level }) => [
        name,
        media,
        level.kind === "exact" && level.percent !== null ? `${Math.round(level.percent)} %` : level.kind,
        level.level === null ? null : `${level.level}${level.capacity === null ? "" : ` of ${level.capacity}`}`,
        level.unit,
      ]),
    ),
    part(
      "Alerts",
      ["SEVERITY", "ABOUT", "SINCE", { heading: "ALERT", note: true }],
      alerts.map((alert) => [
        severityOf(alert),
        words(alert.group),
        minuteText(alert.since?.getTime() ?? null),
        alert.description || `code ${alert.code ?? "unknown"}`,
      ]),
    ),
    part(
      "Meters",
      ["METER", "VALUE", "UNIT", "READ", { heading: "SOURCE", optional: true }],
      meters.map((meter) => [meter.name, meter.value, meter.unit, timeText(meter.observed_at), meter.rule]),
      view.note ?? "none were read",
    ),
    part(
      "Answered as well, and not taken",
      ["VALUE OF", "ANSWER", "TAKEN", { heading: "SOURCE", optional: true }, "OBJECT", { heading: "WHY", note: true }],
      otherRows(details),
    ),
    identityText(details, part),
  ].join("");
}

function otherRows({ view, meters }: DeviceDetails): Cell[][] {
  const row = (of: string, taken: string, { value, unit, raw, rule, oid, why }: OtherSource, contradicts: boolean) => [
    of,
    value === null ? raw ?? null : unit === undefined ? value : `${value} ${unit}`,
    taken,
    rule,
    objectText(oid),
    contradicts ? `DOES NOT AGREE: ${whyNotTakenWords[why]}` : whyNotTakenWords[why],
  ];
  return [
    ...meters.flatMap((meter) =>
      meter.others.map((other) => row(meter.name, String(meter.value), other, contradictsMeter(meter, other)))
    ),
    ...(view.supplies?.values ?? []).flatMap((supply) =>
      othersFrom(supply.others).map((other) =>
        row(supplyName(supply), levelText(supply.level), other, contradictsLevel(supply.level ?? {}, other))
      )
    ),
  ];
}

/** Identity and places, present and former, with their sources. */
function identityText({ evidence, places, agents, history, changes }: DeviceDetails, part: Part): string {
  return [
    part(
      "Known by",
      ["WHAT", "VALUE", "SINCE"],
      evidence.map(({ kind, value, seen_at }) => [
        ...evidenceCells(kind, value),
        minuteText(seen_at),
      ]),
    ),
    part(
      "Where it is and was",
      ["ADDRESS", "PORT", "LAST SEEN", "UNTIL", "BY AGENT"],
      places.map((place) => [
        place.address,
        place.port,
        minuteText(place.seen_at),
        place.until === null ? "now" : minuteText(place.until),
        place.agentId,
      ]),
    ),
    part(
      "Read by",
      ["AGENT", "HOST", "READINGS", "LAST"],
      agents.map((agent) => [
        agent.agent_id,
        agent.state === "revoked" ? `${agent.hostname} (revoked)` : agent.hostname,
        agent.readings,
        minuteText(agent.last_at),
      ]),
    ),
    part(
      "What changed",
      ["WHEN", "WHAT", { heading: "BEFORE", shrink: 16 }, { heading: "AFTER", shrink: 16 }],
      history.map(({ at, kind, before, after }) => [minuteText(at), words(kind), before, after]),
    ),
    part("Merged and split", changeColumns, changes.map(changeCells)),
  ].join("");
}

/** A `key` consists of the agent's id and its own id of the device. */
function evidenceCells(kind: string, value: string): [what: string, value: string] {
  const [agent = "", ...id] = value.split(" ");
  return kind === "key" ? [`id at ${agent}`, id.join(" ")] : [kind, value];
}

const bases = {
  agent: "",
  corrected: ", time corrected by the agent",
  guessed: ", time guessed by the agent",
  arrival: ", time of arrival",
} as const;

function factsOf({ view, site }: DeviceDetails): [string, Cell | undefined][] {
  const { row, newest } = view;
  const reading = newest?.reading;
  return [
    ["Device", row.device_id],
    ["Model", [row.manufacturer, row.model].filter((text) => text !== null).join(" ")],
    ["Serial", row.serial],
    ["Address", row.address],
    ["Host name", row.hostname],
    ["Site", site],
    ["Network", row.network],
    ["Location", row.location],
    ["Firmware", row.firmware],
    ["State", row.state],
    ["Note", view.note],
    ["Panel", reading?.status?.panel],
    ["Errors", reading?.status?.errors.map(words).join(", ")],
    ["Agent", row.agent_id],
    ["First seen", timeText(row.first_seen_at)],
    ["Last seen", timeText(row.last_seen_at)],
    [
      "Newest read",
      newest &&
      `${timeText(newest.observed_at)}, ${newest.scope === "full" ? "everything" : "status alone"}${
        bases[newest.time_basis]
      }`,
    ],
    ...(reading?.problems ?? []).map(({ message }): [string, string] => ["Problem", message]),
  ];
}
