/** Texts of customers and sites, and of their end. Pure. */
import type { Texts } from "./texts.ts";

export const customerWords = {
  sites: ["Sites", "Standorte", "Sedi"],
  newSite: ["New site", "Neuer Standort", "Nuova sede"],
  newCustomer: ["New customer", "Neuer Kunde", "Nuovo cliente"],
  makeIt: ["Create", "Anlegen", "Crea"],
  rename: ["Rename", "Umbenennen", "Rinomina"],
  closeIt: ["Close", "Schließen", "Chiudi"],
  reopenIt: ["Reopen", "Wieder öffnen", "Riapri"],
  closedSince: ["closed since {since}", "geschlossen seit {since}", "chiuso dal {since}"],
  isOpen: ["open", "offen", "aperto"],
  wholeCustomer: ["The whole customer", "Der ganze Kunde", "L'intero cliente"],
  closeHelp: [
    "Agents that are closed with it are revoked: each needs a new activation code to come back. Readings are kept.",
    "Agenten, die mit geschlossen werden, sind gesperrt: Jeder braucht einen neuen Aktivierungscode, um wiederzukommen. Messwerte bleiben erhalten.",
    "Gli agenti chiusi insieme vengono revocati: ognuno avrà bisogno di un nuovo codice di attivazione. Le letture si conservano.",
  ],
  revokeToo: ["Revoke its agents", "Seine Agenten sperren", "Revoca i suoi agenti"],
} as const satisfies Texts;
