/** Texts of all pages, and of failures. Pure. */
import type { Texts } from "./texts.ts";

export const commonWords = {
  product: ["OpenDCA", "OpenDCA", "OpenDCA"],
  skip: ["Skip to content", "Zum Inhalt springen", "Vai al contenuto"],
  navigation: ["Main menu", "Hauptmenü", "Menu principale"],
  copy: ["Copy", "Kopieren", "Copia"],
  copied: ["Copied.", "Kopiert.", "Copiato."],
  notFoundTitle: ["Not found", "Nicht gefunden", "Non trovato"],
  notFound: [
    "There is no such page, or you may not see it.",
    "Diese Seite gibt es nicht, oder Sie dürfen sie nicht sehen.",
    "Questa pagina non esiste, oppure non potete vederla.",
  ],
  refusedTitle: ["Not permitted", "Nicht erlaubt", "Non consentito"],
  foreignForm: [
    "This form came from another page than the portal's own.",
    "Dieses Formular kam nicht von einer Seite des Portals.",
    "Questo modulo non proviene da una pagina del portale.",
  ],
  tooLarge: ["The form is too large.", "Das Formular ist zu groß.", "Il modulo è troppo grande."],
  wrongTitle: ["That did not work", "Das ging nicht", "Non ha funzionato"],
  storeAway: [
    "The database cannot be reached at this moment. Nothing was changed. Try again soon.",
    "Die Datenbank ist gerade nicht erreichbar. Es wurde nichts geändert. Versuchen Sie es gleich wieder.",
    "Il database non è raggiungibile in questo momento. Nulla è stato modificato. Riprovare tra poco.",
  ],
  bug: [
    "The server made a mistake, which is in its log under {id}.",
    "Der Server hat einen Fehler gemacht; er steht in seinem Protokoll unter {id}.",
    "Il server ha commesso un errore, registrato con il codice {id}.",
  ],
} as const satisfies Texts;
