import { visibleJson } from "../core/visible_json.ts";
import type {
  Alert,
  Level,
  Meter,
  OtherSource,
  Problem,
  Reading,
  ScanDocument,
  Source,
  Supply,
  Tray,
} from "../reading/reading.ts";

/** Output of `scan --format json`: indented by two spaces, keys in the documented order, with a final line end. */
export function renderJson(document: ScanDocument): string {
  return [...jsonParts(document)].join("");
}

/** Printers per part (some hundred kilobytes), so that the text of a large fleet is never in memory as a whole. */
const printersOfPart = 64;

/** Texts of readings that were made before their document: at the end of a scan they would be waited for. */
export interface ReadingTexts {
  add(reading: Reading): void;
  textOf(reading: Reading): string;
}

/** Keeps at most `most` characters; further texts are made when they are written. */
export function createReadingTexts(most = 16 * 1024 * 1024): ReadingTexts {
  const texts = new Map<Reading, string>();
  let left = most;
  return {
    add(reading) {
      if (left <= 0) return;
      const text = textOfReading(reading);
      left -= text.length;
      texts.set(reading, text);
    },
    textOf(reading) {
      const text = texts.get(reading);
      texts.delete(reading);
      return text ?? textOfReading(reading);
    },
  };
}

/** A reading as it stands in the list of a document. */
function textOfReading(reading: Reading): string {
  return insideOf({ printers: [orderedReading(reading)] }).slice('  "printers": ['.length, -"\n  ]".length);
}

/** The same in parts, to be written one after the other. */
export function* jsonParts(
  document: ScanDocument,
  { textOf }: Pick<ReadingTexts, "textOf"> = { textOf: textOfReading },
): Generator<string> {
  const { printers, others, unread, problems, ...head } = document;
  const { schema, startedAt, finishedAt, stats } = head;
  const { addresses, answered, printers: count, packetsSent, packetsReceived, durationMs } = stats;
  const counts = { addresses, answered, printers: count, packetsSent, packetsReceived, durationMs };
  yield `{\n${insideOf({ schema, startedAt, finishedAt, stats: counts })},\n  "printers": [`;
  for (let from = 0; from < printers.length; from += printersOfPart) {
    const list = printers.slice(from, from + printersOfPart).map(textOf).join(",");
    yield from === 0 ? list : `,${list}`;
  }
  const rest = {
    ...(others === undefined ? {} : {
      others: others.map(({ address, description, objectId }) => ({ address, description, objectId })),
    }),
    unread: unread.map(({ address, port, hostname, description, objectId, reason }) => (
      { address, port, hostname, description, objectId, reason }
    )),
    problems: problems.map(orderedProblem),
  };
  yield `${printers.length > 0 ? "\n  " : ""}],\n${insideOf(rest)}\n}\n`;
}

/** JSON of a non-empty object without the outer braces. */
function insideOf(object: object): string {
  return visibleJson(object, 2).slice("{\n".length, -"\n}".length);
}

/** One reading as one line of JSON Lines, with its line end. */
export function renderJsonLine(reading: Reading): string {
  return `${visibleJson(orderedReading(reading))}\n`;
}

function orderedReading(reading: Reading): Reading {
  const { observedAt, address, port, deviceIndex, hostname, snmp, manufacturer, model, serial, mac, firmware } =
    reading;
  const { location, contact, description, objectId, status } = reading;
  return {
    observedAt,
    address,
    port,
    ...(deviceIndex === undefined ? {} : { deviceIndex }),
    hostname,
    snmp: { version: snmp.version, engineId: snmp.engineId },
    manufacturer,
    model,
    serial,
    mac,
    firmware,
    location,
    contact,
    description,
    objectId,
    status: { state: status.state, errors: status.errors, panel: status.panel },
    meters: reading.meters.map(orderedMeter),
    supplies: reading.supplies.map(orderedSupply),
    trays: reading.trays.map(orderedTray),
    alerts: reading.alerts.map(orderedAlert),
    problems: reading.problems.map(orderedProblem),
  };
}

function orderedMeter({ name, value, unit, source, others }: Meter): Meter {
  return { name, value, unit, source: orderedSource(source), ...orderedOthers(others) };
}

function orderedSupply({ index, kind, colorant, description, partNumber, serial, level, ...from }: Supply): Supply {
  const ordered = { index, kind, colorant, description, partNumber, serial };
  return { ...ordered, level: orderedLevel(level), source: orderedSource(from.source), ...orderedOthers(from.others) };
}

function orderedOthers(others: OtherSource[] | undefined): { others?: OtherSource[] } {
  if (others === undefined) return {};
  return {
    others: others.map(({ oid, rule, value, unit, raw, why }) => ({
      oid,
      rule,
      value,
      ...(unit === undefined ? {} : { unit }),
      ...(raw === undefined ? {} : { raw }),
      why,
    })),
  };
}

function orderedTray({ index, name, media, level }: Tray): Tray {
  return { index, name, media, level: orderedLevel(level) };
}

function orderedLevel({ kind, percent, level, capacity, unit }: Level): Level {
  return { kind, percent, level, capacity, ...(unit === undefined ? {} : { unit }) };
}

function orderedAlert({ severity, code, group, description, since }: Alert): Alert {
  return { severity, code, group, description, since };
}

function orderedProblem({ code, message, address, oid }: Problem): Problem {
  return { code, message, ...(address === undefined ? {} : { address }), ...(oid === undefined ? {} : { oid }) };
}

function orderedSource({ oid, rule, raw }: Source): Source {
  return { oid, rule, raw };
}
