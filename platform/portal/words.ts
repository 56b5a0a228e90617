/** The portal's texts, in each language. A key that one language lacks is a type error. Pure. */
import type { Language } from "../users/users.ts";

type Texts = readonly [en: string, de: string, it: string];

const texts = {
  product: ["OpenDCA", "OpenDCA", "OpenDCA"],
  skip: ["Skip to content", "Zum Inhalt springen", "Vai al contenuto"],
  navigation: ["Main menu", "Hauptmenü", "Menu principale"],
  // Sign-in
  signIn: ["Sign in", "Anmelden", "Accedi"],
  signOut: ["Sign out", "Abmelden", "Esci"],
  email: ["E-mail address", "E-Mail-Adresse", "Indirizzo e-mail"],
  password: ["Password", "Passwort", "Password"],
  newPassword: ["New password", "Neues Passwort", "Nuova password"],
  passwordHelp: [
    "At least 12 characters. A few words that have nothing to do with one another are good.",
    "Mindestens 12 Zeichen. Gut sind einige Wörter, die nichts miteinander zu tun haben.",
    "Almeno 12 caratteri. Vanno bene alcune parole che non hanno nulla in comune.",
  ],
  refused: [
    "E-mail address or password is wrong, or the user is deactivated.",
    "E-Mail-Adresse oder Passwort ist falsch, oder der Benutzer ist deaktiviert.",
    "L'indirizzo e-mail o la password è errata, oppure l'utente è disattivato.",
  ],
  lockNote: [
    "After 5 failed attempts a user is deactivated; an administrator can reactivate it.",
    "Nach 5 Fehlversuchen wird ein Benutzer deaktiviert; ein Administrator kann ihn reaktivieren.",
    "Dopo 5 tentativi falliti un utente viene disattivato; un amministratore può riattivarlo.",
  ],
  wait: [
    "Too many failed attempts from your network. Try again in {minutes} minutes.",
    "Zu viele Fehlversuche aus Ihrem Netz. Versuchen Sie es in {minutes} Minuten wieder.",
    "Troppi tentativi falliti dalla vostra rete. Riprovare tra {minutes} minuti.",
  ],
  busy: [
    "Too many people sign in at this moment. Try again soon.",
    "Gerade melden sich zu viele Personen an. Versuchen Sie es gleich wieder.",
    "Troppe persone accedono in questo momento. Riprovare tra poco.",
  ],
  forgot: ["Forgot your password?", "Passwort vergessen?", "Password dimenticata?"],
  forgotHelp: [
    "You get a link by e-mail. A deactivated user needs an administrator.",
    "Sie bekommen einen Link per E-Mail. Ein deaktivierter Benutzer braucht einen Administrator.",
    "Riceverete un link per e-mail. Per un utente disattivato serve un amministratore.",
  ],
  forgotDone: [
    "If this address belongs to an active user, a link is on its way. It works for an hour.",
    "Wenn diese Adresse zu einem aktiven Benutzer gehört, ist ein Link unterwegs. Er gilt eine Stunde.",
    "Se l'indirizzo appartiene a un utente attivo, un link è in arrivo. Vale un'ora.",
  ],
  secondFactor: ["Second factor", "Zweiter Faktor", "Secondo fattore"],
  code: ["Code", "Code", "Codice"],
  codeHelp: [
    "The six digits that your app shows, or one of your recovery codes.",
    "Die sechs Ziffern Ihrer App, oder einer Ihrer Wiederherstellungscodes.",
    "Le sei cifre della vostra app, oppure uno dei codici di recupero.",
  ],
  wrongCode: [
    "The code is wrong, or was used before. Each code works once.",
    "Der Code ist falsch oder wurde schon benutzt. Jeder Code gilt einmal.",
    "Il codice è errato o è già stato usato. Ogni codice vale una volta.",
  ],
  over: [
    "This took too long. Sign in again.",
    "Das hat zu lange gedauert. Melden Sie sich noch einmal an.",
    "È passato troppo tempo. Accedere di nuovo.",
  ],
  continue: ["Continue", "Weiter", "Continua"],
  setUpTitle: ["Set up your second factor", "Zweiten Faktor einrichten", "Configurare il secondo fattore"],
  setUpHelp: [
    "Scan this picture with an authenticator app, then type the six digits that it shows.",
    "Lesen Sie dieses Bild mit einer Authenticator-App ein, und geben Sie die sechs Ziffern ein, die sie zeigt.",
    "Inquadrare l'immagine con un'app di autenticazione, poi inserire le sei cifre che mostra.",
  ],
  setUpPicture: ["QR code for the app", "QR-Code für die App", "Codice QR per l'app"],
  setUpTyped: [
    "Or type this secret into the app:",
    "Oder geben Sie dieses Geheimnis in die App ein:",
    "Oppure inserire questo segreto nell'app:",
  ],
  recoveryTitle: ["Your recovery codes", "Ihre Wiederherstellungscodes", "I vostri codici di recupero"],
  recoveryHelp: [
    "Each of them replaces the app once. They are shown now only: print them, or keep them in a password manager.",
    "Jeder ersetzt die App einmal. Sie werden nur jetzt gezeigt: Drucken Sie sie, oder verwahren Sie sie in einem Passwortspeicher.",
    "Ognuno sostituisce l'app una volta. Vengono mostrati solo ora: stamparli o conservarli in un gestore di password.",
  ],
  linkTitle: ["Choose a password", "Passwort wählen", "Scegliere una password"],
  linkOver: [
    "This link was used, or is too old. Ask an administrator for a new one.",
    "Dieser Link wurde benutzt oder ist zu alt. Bitten Sie einen Administrator um einen neuen.",
    "Questo link è già stato usato o è scaduto. Chiederne uno nuovo a un amministratore.",
  ],
  weak: [
    "This password is easily guessed: it is like one that was stolen before, or like your name.",
    "Dieses Passwort ist leicht zu erraten: Es ähnelt einem gestohlenen oder Ihrem Namen.",
    "Questa password è facile da indovinare: somiglia a una già rubata o al vostro nome.",
  ],
  confirmTitle: ["Confirm that it is you", "Bestätigen, dass Sie es sind", "Confermare la propria identità"],
  confirmHelp: [
    "This needs your password and a code again.",
    "Dafür werden Passwort und Code noch einmal gebraucht.",
    "Per questo servono di nuovo la password e un codice.",
  ],
  // Fleet
  overview: ["Overview", "Übersicht", "Panoramica"],
  customers: ["Customers", "Kunden", "Clienti"],
  customer: ["Customer", "Kunde", "Cliente"],
  site: ["Site", "Standort", "Sede"],
  allSites: ["All sites", "Alle Standorte", "Tutte le sedi"],
  devices: ["Devices", "Geräte", "Dispositivi"],
  device: ["Device", "Gerät", "Dispositivo"],
  model: ["Model", "Modell", "Modello"],
  address: ["Address", "Adresse", "Indirizzo"],
  serial: ["Serial number", "Seriennummer", "Numero di serie"],
  pages: ["Pages", "Seiten", "Pagine"],
  state: ["State", "Zustand", "Stato"],
  lastSeen: ["Last seen", "Zuletzt gesehen", "Visto l'ultima volta"],
  lowDevices: ["Devices low on supplies", "Geräte mit wenig Material", "Dispositivi con materiali bassi"],
  lowSupplies: ["Low supplies", "Verbrauchsmaterial zur Neige", "Materiali in esaurimento"],
  supplies: ["Supplies", "Verbrauchsmaterial", "Materiali di consumo"],
  supply: ["Supply", "Material", "Materiale"],
  partNumber: ["Part number", "Teilenummer", "Codice articolo"],
  level: ["Level", "Stand", "Livello"],
  readAt: ["Read", "Gelesen", "Letto"],
  alerts: ["Alerts", "Meldungen", "Avvisi"],
  alert: ["Alert", "Meldung", "Avviso"],
  severity: ["Severity", "Schwere", "Gravità"],
  since: ["Since", "Seit", "Dal"],
  agents: ["Agents", "Agenten", "Agenti"],
  agent: ["Agent", "Agent", "Agente"],
  host: ["Host", "Rechner", "Host"],
  version: ["Version", "Version", "Versione"],
  note: ["Note", "Hinweis", "Nota"],
  silent: ["Silent", "Stumm", "Silenziosi"],
  silentDevices: ["Silent devices", "Stumme Geräte", "Dispositivi silenziosi"],
  silentAgents: ["Silent agents", "Stumme Agenten", "Agenti silenziosi"],
  low: ["Low", "Niedrig", "Basso"],
  onlyLow: ["Only low on supplies", "Nur mit niedrigem Material", "Solo con materiali bassi"],
  onlySilent: ["Only silent", "Nur stumme", "Solo silenziosi"],
  filter: ["Filter", "Filtern", "Filtra"],
  csv: ["As CSV", "Als CSV", "Come CSV"],
  json: ["As JSON", "Als JSON", "Come JSON"],
  none: ["None.", "Keine.", "Nessuno."],
  nothingFound: [
    "Nothing matches these filters.",
    "Nichts passt zu diesen Filtern.",
    "Nessun risultato con questi filtri.",
  ],
  previous: ["Previous page", "Vorige Seite", "Pagina precedente"],
  next: ["Next page", "Nächste Seite", "Pagina successiva"],
  range: ["{from} to {to} of {all}", "{from} bis {to} von {all}", "{from} a {to} di {all}"],
  unknown: ["unknown", "unbekannt", "sconosciuto"],
  empty: ["empty", "leer", "vuoto"],
  some: ["some left", "noch etwas", "ne resta"],
  unlimited: ["no limit", "unbegrenzt", "senza limite"],
  noneRead: ["None were read.", "Es wurden keine gelesen.", "Nessuno è stato letto."],
  trays: ["Trays", "Papierfächer", "Vassoi"],
  meters: ["Meters", "Zähler", "Contatori"],
  meter: ["Meter", "Zähler", "Contatore"],
  value: ["Value", "Wert", "Valore"],
  unit: ["Unit", "Einheit", "Unità"],
  why: ["Where from", "Woher", "Da dove"],
  history: ["History", "Verlauf", "Cronologia"],
  historyOf: ["{meter}, {from} to {to}", "{meter}, {from} bis {to}", "{meter}, dal {from} al {to}"],
  identity: ["Known by", "Erkannt an", "Riconosciuto da"],
  maker: ["Maker", "Hersteller", "Produttore"],
  firmware: ["Firmware", "Firmware", "Firmware"],
  location: ["Location", "Aufstellort", "Posizione"],
  panel: ["Panel", "Anzeige", "Pannello"],
  attention: ["Needs attention", "Braucht Aufmerksamkeit", "Richiede attenzione"],
  allWell: ["Nothing needs attention.", "Nichts braucht Aufmerksamkeit.", "Nulla richiede attenzione."],
  noCustomers: [
    "There are no customers that you may see.",
    "Es gibt keine Kunden, die Sie sehen dürfen.",
    "Non ci sono clienti che potete vedere.",
  ],
  // Work
  tasks: ["Tasks", "Aufgaben", "Attività"],
  task: ["Task", "Aufgabe", "Attività"],
  result: ["Result", "Ergebnis", "Risultato"],
  cancel: ["Cancel", "Abbrechen", "Annulla"],
  archive: ["Archive", "Archiv", "Archivio"],
  scanNow: ["Scan now", "Jetzt scannen", "Scansiona ora"],
  readNow: ["Read now", "Jetzt lesen", "Leggi ora"],
  ping: ["Ping", "Ping", "Ping"],
  diagnostics: ["Diagnostics", "Diagnose", "Diagnostica"],
  revoke: ["Revoke", "Widerrufen", "Revoca"],
  reason: ["Reason", "Grund", "Motivo"],
  codes: ["Activation codes", "Aktivierungscodes", "Codici di attivazione"],
  codeMake: ["New code", "Neuer Code", "Nuovo codice"],
  codeMade: [
    "The code is shown now only, and valid until {until}. On the machine of the agent:",
    "Der Code wird nur jetzt gezeigt und gilt bis {until}. Auf dem Rechner des Agenten:",
    "Il codice viene mostrato solo ora ed è valido fino al {until}. Sul computer dell'agente:",
  ],
  code_open: ["open", "offen", "aperto"],
  code_used: ["used", "benutzt", "usato"],
  code_burned: ["burned by wrong attempts", "durch Fehlversuche verbraucht", "bruciato da tentativi errati"],
  code_withdrawn: ["withdrawn", "zurückgezogen", "ritirato"],
  code_expired: ["expired", "abgelaufen", "scaduto"],
  withdraw: ["Withdraw", "Zurückziehen", "Ritira"],
  until: ["Until", "Bis", "Fino a"],
  webAccess: ["Web access", "Webzugriff", "Accesso web"],
  openPage: ["Open its web page", "Webseite öffnen", "Apri la pagina web"],
  port: ["Port", "Port", "Porta"],
  requests: ["Requests", "Anfragen", "Richieste"],
  session_waiting: ["waiting for the agent", "wartet auf den Agenten", "in attesa dell'agente"],
  session_open: ["open", "offen", "aperta"],
  session_closed: ["closed", "beendet", "chiusa"],
  session_refused: ["refused", "abgelehnt", "rifiutata"],
  session_expired: ["not opened in time", "nicht rechtzeitig geöffnet", "non aperta in tempo"],
  step_checking: ["it checks", "er prüft", "sta verificando"],
  step_waiting: [
    "an administrator on site must approve it",
    "ein Administrator vor Ort muss zustimmen",
    "un amministratore in sede deve approvare",
  ],
  step_opening: ["it opens", "er öffnet", "sta aprendo"],
  // People
  users: ["Users", "Benutzer", "Utenti"],
  user: ["User", "Benutzer", "Utente"],
  name: ["Name", "Name", "Nome"],
  role: ["Role", "Rolle", "Ruolo"],
  roles: ["Roles", "Rollen", "Ruoli"],
  invite: ["Invite", "Einladen", "Invita"],
  inviteTitle: ["Invite a user", "Benutzer einladen", "Invitare un utente"],
  inviteDone: [
    "Give this link to {email}. It works once, and is shown now only.",
    "Geben Sie {email} diesen Link. Er gilt einmal und wird nur jetzt gezeigt.",
    "Dare questo link a {email}. Vale una volta e viene mostrato solo ora.",
  ],
  wholeDealer: ["All customers", "Alle Kunden", "Tutti i clienti"],
  deactivate: ["Deactivate", "Deaktivieren", "Disattiva"],
  reactivate: ["New link", "Neuer Link", "Nuovo link"],
  signedIn: ["Signed in", "Angemeldet", "Accesso"],
  never: ["never", "nie", "mai"],
  stateInvited: ["invited", "eingeladen", "invitato"],
  stateActive: ["active", "aktiv", "attivo"],
  stateDeactivated: ["deactivated", "deaktiviert", "disattivato"],
  reasonFailedAttempts: ["failed attempts", "Fehlversuche", "tentativi falliti"],
  reasonInactivity: ["inactivity", "Inaktivität", "inattività"],
  reasonAdministrator: ["by an administrator", "durch einen Administrator", "da un amministratore"],
  account: ["Your account", "Ihr Konto", "Il vostro account"],
  sessions: ["Sessions", "Sitzungen", "Sessioni"],
  thisSession: ["this one", "diese", "questa"],
  browser: ["Browser", "Browser", "Browser"],
  source: ["From", "Von", "Da"],
  end: ["End", "Beenden", "Termina"],
  endOthers: ["End all others", "Alle anderen beenden", "Termina tutte le altre"],
  language: ["Language", "Sprache", "Lingua"],
  save: ["Save", "Speichern", "Salva"],
  audit: ["Audit log", "Prüfprotokoll", "Registro di controllo"],
  time: ["Time", "Zeit", "Ora"],
  who: ["Who", "Wer", "Chi"],
  action: ["Action", "Vorgang", "Azione"],
  subject: ["Subject", "Gegenstand", "Oggetto"],
  detail: ["Detail", "Einzelheiten", "Dettagli"],
  // Failures
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
} as const satisfies Record<string, Texts>;

export type Key = keyof typeof texts;
export type Translate = (key: Key, values?: Record<string, string | number>) => string;

const columns: Record<Language, 0 | 1 | 2> = { en: 0, de: 1, it: 2 };

export function translator(language: Language): Translate {
  const column = columns[language];
  return (key, values = {}) => texts[key][column].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** The first language that a browser asks for and that the portal has (RFC 9110, 12.5.4; weights are in order mostly). */
export function languageOf(acceptLanguage: string | undefined): Language {
  for (const part of (acceptLanguage ?? "").toLowerCase().split(",").slice(0, 20)) {
    const language = part.trim().slice(0, 2);
    if (language in columns) return language as Language;
  }
  return "en";
}

/** Times and numbers as a language writes them; times in UTC, which is said. */
export function formatsOf(
  language: Language,
): { time(ms: number): string; day(ms: number): string; number(value: number): string } {
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  const day = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });
  const number = new Intl.NumberFormat(language);
  return {
    time: (ms) => `${time.format(ms)} UTC`,
    day: (ms) => day.format(ms),
    number: (value) => number.format(value),
  };
}
