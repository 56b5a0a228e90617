/** Texts of notifications in each language. */
type Text = readonly [en: string, de: string, it: string];

export const texts = {
  subject: ["{rule} ({count})", "{rule} ({count})", "{rule} ({count})"],
  digestSubject: ["{rule}, of the day ({count})", "{rule}, Tagesbericht ({count})", "{rule}, del giorno ({count})"],
  testSubject: ["test of “{rule}”", "Test von „{rule}“", "prova di «{rule}»"],
  test: [
    "This is a test of the rule “{rule}”, as somebody asked for it in the portal. Nothing has happened.",
    "Dies ist ein Test der Regel „{rule}“, den jemand im Portal angefordert hat. Es ist nichts geschehen.",
    "Questa è una prova della regola «{rule}», richiesta da qualcuno nel portale. Non è successo nulla.",
  ],
  more: [
    "And {count} more: see the portal.",
    "Und {count} weitere: siehe Portal.",
    "E altri {count}: si veda il portale.",
  ],
  times: ["Times are those of {zone}.", "Zeiten sind die von {zone}.", "Gli orari sono quelli di {zone}."],
  why: [
    "You get this mail by the rule “{rule}” of OpenDCA, which names you as a recipient.",
    "Sie erhalten diese E-Mail durch die Regel „{rule}“ von OpenDCA, die Sie als Empfänger nennt.",
    "Ricevete questa e-mail per la regola «{rule}» di OpenDCA, che vi indica come destinatario.",
  ],
  toRule: ["See or pause the rule", "Regel ansehen oder anhalten", "Vedere o sospendere la regola"],
  stop: [
    "No more of these mails to me",
    "Mir keine dieser E-Mails mehr schicken",
    "Non inviarmi più queste e-mail",
  ],
  emptyAt: ["empty about {time}", "leer etwa {time}", "vuoto circa {time}"],
  critical: ["critical", "kritisch", "critico"],
  ended: ["has ended", "beendet", "terminato"],
  wasAndEnded: ["was, and has ended", "war und ist beendet", "c'era ed è terminato"],
  kind_printer: ["Reported by the printer:", "Vom Drucker gemeldet:", "Segnalato dalla stampante:"],
  kind_supply: ["Supply low:", "Material niedrig:", "Materiale basso:"],
  kind_deviceSilent: ["The device does not answer", "Das Gerät antwortet nicht", "Il dispositivo non risponde"],
  kind_agentSilent: ["The agent does not report", "Der Agent meldet sich nicht", "L'agente non si fa sentire"],
  kind_meterFell: ["A meter went down:", "Ein Zähler ist gesunken:", "Un contatore è diminuito:"],
  kind_firmwareChanged: ["Another firmware:", "Andere Firmware:", "Altro firmware:"],
  kind_updateFailed: [
    "The agent could not be updated:",
    "Der Agent konnte nicht aktualisiert werden:",
    "L'agente non è stato aggiornato:",
  ],
} as const satisfies Record<string, Text>;

export type TextKey = keyof typeof texts;
