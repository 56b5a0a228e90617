/** Texts of lists: search, order, columns, views. Pure. */
import type { Texts } from "./texts.ts";

export const listWords = {
  search: ["Search", "Suche", "Cerca"],
  searchHelp: [
    "Model, serial number, address, host name, location, network or site",
    "Modell, Seriennummer, Adresse, Rechnername, Aufstellort, Netz oder Standort",
    "Modello, numero di serie, indirizzo, nome host, posizione, rete o sede",
  ],
  columns: ["Columns", "Spalten", "Colonne"],
  hostname: ["Host name", "Rechnername", "Nome host"],
  network: ["Network", "Netz", "Rete"],
  firstSeen: ["First seen", "Zuerst gesehen", "Visto la prima volta"],
  views: ["Views", "Ansichten", "Viste"],
  allDevices: ["All devices", "Alle Geräte", "Tutti i dispositivi"],
  allSupplies: ["All low supplies", "Alle niedrigen Stände", "Tutti i materiali bassi"],
  allAlerts: ["All alerts", "Alle Meldungen", "Tutti gli avvisi"],
  alertCount: ["Number", "Anzahl", "Numero"],
  saveView: ["Save this view", "Diese Ansicht speichern", "Salva questa vista"],
  viewName: ["Name of the view", "Name der Ansicht", "Nome della vista"],
  viewDefault: ["Show it first", "Zuerst zeigen", "Mostrala per prima"],
  viewShared: ["Share it", "Mit anderen teilen", "Condividila"],
  viewRemove: ["Remove", "Entfernen", "Rimuovi"],
  sharedView: ["{name} (shared)", "{name} (geteilt)", "{name} (condivisa)"],
  findDevice: ["Find a device", "Gerät suchen", "Trova un dispositivo"],
  findHelp: [
    "The beginning of a serial number, an address or a host name",
    "Der Anfang einer Seriennummer, einer Adresse oder eines Rechnernamens",
    "L'inizio di un numero di serie, di un indirizzo o di un nome host",
  ],
  findMore: [
    "There are more: type more of it.",
    "Es gibt mehr: Geben Sie mehr davon ein.",
    "Ce ne sono altri: digitatene di più.",
  ],
} as const satisfies Texts;
