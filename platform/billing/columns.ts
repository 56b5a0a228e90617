/** Columns of files and pages of statements. Pure. */
import type { Language } from "../users/users.ts";
import type { ColumnName } from "./settings.ts";
import type { StatementRow } from "./statement.ts";

type Texts = readonly [en: string, de: string, it: string];

const headings: Record<ColumnName, Texts> = {
  site: ["Site", "Standort", "Sede"],
  device: ["Device", "Gerät", "Dispositivo"],
  manufacturer: ["Maker", "Hersteller", "Produttore"],
  model: ["Model", "Modell", "Modello"],
  serial: ["Serial number", "Seriennummer", "Numero di serie"],
  network: ["Network", "Netz", "Rete"],
  address: ["Address", "Adresse", "Indirizzo"],
  meter: ["Meter", "Zähler", "Contatore"],
  unit: ["Unit", "Einheit", "Unità"],
  firstAt: ["First read", "Erste Ablesung", "Prima lettura"],
  first: ["First", "Anfangsstand", "Iniziale"],
  lastAt: ["Last read", "Letzte Ablesung", "Ultima lettura"],
  last: ["Last", "Endstand", "Finale"],
  counted: ["Counted", "Gezählt", "Contati"],
  estimated: ["Estimated", "Geschätzt", "Stimati"],
  corrected: ["Corrected", "Korrigiert", "Corretti"],
  adjusted: ["Late", "Nachträglich", "In ritardo"],
  billed: ["Billed", "Berechnet", "Fatturati"],
  notes: ["Notes", "Hinweise", "Note"],
};

const place = (language: Language) => ["en", "de", "it"].indexOf(language);

export function headingOf(column: ColumnName, language: Language): string {
  return headings[column][place(language)]!;
}

const titles: Texts = ["Statement {number}", "Abrechnung {number}", "Rendiconto {number}"];

export function titleOf(number: number, language: Language): string {
  return titles[place(language)]!.replace("{number}", String(number));
}

export type FileCell = string | number | null;

/** Times are local ones of the zone, such as `2026-03-01 06:30`. */
export function cellOf(row: StatementRow, column: ColumnName, zone: string): FileCell {
  const { device } = row;
  switch (column) {
    case "site":
    case "manufacturer":
    case "model":
    case "serial":
    case "network":
    case "address":
      return device[column];
    case "device":
      return device.id;
    case "firstAt":
      return row.first === null ? null : localTime(row.first.at, zone);
    case "lastAt":
      return row.last === null ? null : localTime(row.last.at, zone);
    case "first":
    case "last":
      return row[column]?.value ?? null;
    case "notes":
      return row.notes.join(" ");
    default:
      return row[column];
  }
}

export function localTime(at: string, zone: string): string {
  const { year, month, day, hour, minute } = Temporal.Instant.from(at).toZonedDateTimeISO(zone);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}`;
}
