/** Texts of events of devices and agents, and of what an agent says of itself. Pure. */
import type { Texts } from "./texts.ts";

export const eventWords = {
  events: ["Events", "Ereignisse", "Eventi"],
  event: ["Event", "Ereignis", "Evento"],
  noEvents: ["Nothing has happened yet.", "Es ist noch nichts geschehen.", "Non è ancora successo nulla."],
  happenedAppeared: ["First seen", "Zuerst gesehen", "Visto la prima volta"],
  happenedMerged: [
    "Found to be one with {before}",
    "Als eins mit {before} erkannt",
    "Riconosciuto come uno con {before}",
  ],
  happenedMeterFell: [
    "A meter fell: {before} → {after}",
    "Ein Zähler fiel: {before} → {after}",
    "Un contatore è sceso: {before} → {after}",
  ],
  happenedSupplyReplaced: [
    "A supply was replaced: {after}",
    "Material ersetzt: {after}",
    "Materiale sostituito: {after}",
  ],
  happenedChanged: ["{what}: {before} → {after}", "{what}: {before} → {after}", "{what}: {before} → {after}"],
  happenedMergedBy: [
    "Merged with {other} by {who}",
    "Von {who} mit {other} zusammengeführt",
    "Unito a {other} da {who}",
  ],
  happenedSplitBy: ["Split from {other} by {who}", "Von {who} von {other} getrennt", "Separato da {other} da {who}"],
  happenedUndoneBy: ["Undone by {who}", "Von {who} rückgängig gemacht", "Annullato da {who}"],
  happenedAlertRaised: ["Alert: {alert}", "Meldung: {alert}", "Avviso: {alert}"],
  happenedAlertEnded: ["Alert ended: {alert}", "Meldung beendet: {alert}", "Avviso terminato: {alert}"],
  faults: ["Faults", "Störungen", "Guasti"],
  backlog: ["Backlog", "Rückstand", "Arretrato"],
  backlogOf: ["{records} records since {since}", "{records} Datensätze seit {since}", "{records} record dal {since}"],
  quarantined: ["Batches that were refused", "Abgewiesene Pakete", "Pacchetti respinti"],
  offeredVersion: ["New version", "Neue Version", "Nuova versione"],
  certificateUntil: ["Certificate until", "Zertifikat bis", "Certificato fino al"],
  startedAt: ["Running since", "Läuft seit", "In esecuzione dal"],
} as const satisfies Texts;
