/** Texts of tokens of the interfaces. Pure. */
import type { Texts } from "./texts.ts";

export const interfaceWords = {
  tokens: ["API tokens", "API-Token", "Token API"],
  tokensHelp: [
    "Programs such as Excel or Power BI read the fleet with a token. It may never do more than you may.",
    "Programme wie Excel oder Power BI lesen die Flotte mit einem Token. Es darf nie mehr als Sie selbst.",
    "Programmi come Excel o Power BI leggono la flotta con un token. Non può mai fare più di voi.",
  ],
  tokenMade: [
    "This is the token. It is shown now only: keep it as a password.",
    "Das ist das Token. Es wird nur jetzt gezeigt: Bewahren Sie es wie ein Passwort auf.",
    "Questo è il token. Viene mostrato solo ora: conservatelo come una password.",
  ],
  tokenMake: ["Make a token", "Token erstellen", "Creare un token"],
  tokenMay: ["It may", "Es darf", "Può"],
  tokenDays: ["Valid for", "Gültig für", "Valido per"],
  tokenDaysOf: ["{days, number} days", "{days, number} Tage", "{days, number} giorni"],
  tokenExpires: ["Expires", "Läuft ab", "Scade"],
  tokenUsed: ["Last used", "Zuletzt benutzt", "Ultimo uso"],
  tokenRevoke: ["Revoke", "Widerrufen", "Revoca"],
  token_active: ["active", "aktiv", "attivo"],
  token_expired: ["expired", "abgelaufen", "scaduto"],
  token_revoked: ["revoked", "widerrufen", "revocato"],
  tokenMay_readFleet: [
    "see devices, supplies, alerts and agents",
    "Geräte, Verbrauchsmaterial, Meldungen und Agenten sehen",
    "vedere dispositivi, materiali, avvisi e agenti",
  ],
  tokenMay_readMeters: ["see and export meters", "Zähler sehen und ausgeben", "vedere ed esportare i contatori"],
  tokenMay_runTasks: [
    "start scans, pings and diagnostics",
    "Scans, Pings und Diagnosen starten",
    "avviare scansioni, ping e diagnosi",
  ],
  tokenMay_openWebAccess: [
    "open the web page of a device",
    "die Webseite eines Geräts öffnen",
    "aprire la pagina web di un dispositivo",
  ],
  tokenMay_manageAgents: [
    "make activation codes and revoke agents",
    "Aktivierungscodes erstellen und Agenten widerrufen",
    "creare codici di attivazione e revocare agenti",
  ],
  tokenMay_manageCustomers: [
    "make customers and sites",
    "Kunden und Standorte anlegen",
    "creare clienti e sedi",
  ],
  tokenMay_readAudit: ["read the audit log", "das Prüfprotokoll lesen", "leggere il registro di controllo"],
} as const satisfies Texts;
