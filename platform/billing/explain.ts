/** What the marks of a row mean, in one sentence each. Pure. */
import type { Language } from "../users/users.ts";
import type { RowMark } from "./compute_rows.ts";

const locales = { en: "en-GB", de: "de-DE", it: "it-IT" } as const;

type Words = Record<string, string | number>;
type Texts = readonly [en: string, de: string, it: string];

const texts: Record<RowMark["kind"], Texts> = {
  wrap: [
    "The counter began again at 0 after {modulus} on {at}: {counted} were counted from {before} to {after}.",
    "Der Zähler begann am {at} nach {modulus} wieder bei 0: von {before} bis {after} wurden {counted} gezählt.",
    "Il contatore è ripartito da 0 dopo {modulus} il {at}: da {before} a {after} sono stati contati {counted}.",
  ],
  reset: [
    "The counter fell from {before} to {after} on {at}, as with a new board or a reset: what was printed in between is not known and not billed.",
    "Der Zähler fiel am {at} von {before} auf {after}, wie bei einer neuen Platine oder einem Zurücksetzen: Was dazwischen gedruckt wurde, ist nicht bekannt und wird nicht berechnet.",
    "Il contatore è sceso da {before} a {after} il {at}, come con una nuova scheda o un azzeramento: quanto stampato nel frattempo non è noto e non viene fatturato.",
  ],
  dip: [
    "The counter was too low until {at} and is above {peak} again: the low values were false, and {counted} were counted over them.",
    "Der Zähler war bis {at} zu niedrig und ist wieder über {peak}: Die niedrigen Werte waren falsch, darüber hinweg wurden {counted} gezählt.",
    "Il contatore era troppo basso fino al {at} ed è di nuovo sopra {peak}: i valori bassi erano falsi, e sono stati contati {counted}.",
  ],
  jump: [
    "The counter rose from {before} to {after} until {at}, faster than any printer prints: this is not billed. A correction can bill it.",
    "Der Zähler stieg bis {at} von {before} auf {after}, schneller als ein Drucker druckt: Das wird nicht berechnet. Eine Korrektur kann es berechnen.",
    "Il contatore è salito da {before} a {after} entro il {at}, più in fretta di qualunque stampante: non viene fatturato. Una correzione può fatturarlo.",
  ],
  spike: [
    "The counter is at {after} again on {at}: the high values before were false, and {counted} were counted over them.",
    "Der Zähler steht am {at} wieder bei {after}: Die hohen Werte davor waren falsch, darüber hinweg wurden {counted} gezählt.",
    "Il contatore è di nuovo a {after} il {at}: i valori alti precedenti erano falsi, e sono stati contati {counted}.",
  ],
  board: [
    "Another board goes on at {after} on {at}, where the one before ended at {before}: the step between them is not billed.",
    "Eine andere Platine zählt am {at} bei {after} weiter, die vorige endete bei {before}: Der Schritt dazwischen wird nicht berechnet.",
    "Un'altra scheda continua da {after} il {at}, la precedente finiva a {before}: il salto tra le due non viene fatturato.",
  ],
  unit: [
    "The unit changed from {before} to {after} on {at}: the step between them is not billed.",
    "Die Einheit wechselte am {at} von {before} zu {after}: Der Schritt dazwischen wird nicht berechnet.",
    "L'unità è cambiata da {before} a {after} il {at}: il salto tra le due non viene fatturato.",
  ],
  merged: [
    "A person joined several devices, or a device and its new board, to this one: {serials}.",
    "Eine Person hat mehrere Geräte, oder ein Gerät und seine neue Platine, zu diesem zusammengelegt: {serials}.",
    "Una persona ha unito più dispositivi, o un dispositivo e la sua nuova scheda, in questo: {serials}.",
  ],
  gap: [
    "There are no readings from {from} to {until}.",
    "Von {from} bis {until} gibt es keine Ablesungen.",
    "Non ci sono letture dal {from} al {until}.",
  ],
  noneBefore: [
    "There is no reading before the period: it is billed from the first one in it, on {at}.",
    "Vor dem Zeitraum gibt es keine Ablesung: Berechnet wird ab der ersten darin, am {at}.",
    "Non c'è una lettura prima del periodo: si fattura dalla prima al suo interno, il {at}.",
  ],
  endsEarly: [
    "The last reading is of {at}, {days, plural, one {one day} other {# days}} before the end of the period.",
    "Die letzte Ablesung ist vom {at}, {days, plural, one {einen Tag} other {# Tage}} vor dem Ende des Zeitraums.",
    "L'ultima lettura è del {at}, {days, plural, one {un giorno} other {# giorni}} prima della fine del periodo.",
  ],
  notRead: [
    "It was not read in the period; the last reading before is of {at}.",
    "Im Zeitraum wurde nicht abgelesen; die letzte Ablesung davor ist vom {at}.",
    "Non è stato letto nel periodo; l'ultima lettura precedente è del {at}.",
  ],
  estimated: [
    "{pages} up to the {end} of the period are estimated, from the readings before and after it.",
    "{pages} bis {end} des Zeitraums sind geschätzt, aus den Ablesungen davor und danach.",
    "{pages} fino {end} del periodo sono stimati, dalle letture prima e dopo.",
  ],
  notEstimated: [
    "The {end} of the period could not be estimated, as there are no readings on both sides of it within a week.",
    "Bis {end} des Zeitraums konnte nicht geschätzt werden, da es nicht auf beiden Seiten Ablesungen innerhalb einer Woche gibt.",
    "Non è stato possibile stimare fino {end} del periodo, poiché non ci sono letture da entrambi i lati entro una settimana.",
  ],
  corrected: [
    "{by} set {pages} in place of the readings from {from} to {until}: {reason}.",
    "{by} hat {pages} anstelle der Ablesungen von {from} bis {until} gesetzt: {reason}.",
    "{by} ha impostato {pages} al posto delle letture dal {from} al {until}: {reason}.",
  ],
  moved: [
    "The device moved from {from} to {to} on {at}.",
    "Das Gerät zog am {at} von {from} nach {to} um.",
    "Il dispositivo si è spostato da {from} a {to} il {at}.",
  ],
  replacedBy: [
    "Another device, {device}, is at this address since {at}.",
    "Ein anderes Gerät, {device}, ist seit {at} unter dieser Adresse.",
    "Un altro dispositivo, {device}, è a questo indirizzo dal {at}.",
  ],
  replaces: [
    "It is at this address since {at}, where {device} was before.",
    "Es ist seit {at} unter dieser Adresse, wo vorher {device} war.",
    "È a questo indirizzo dal {at}, dove prima c'era {device}.",
  ],
  elsewhere: [
    "The device with this serial number was read at another customer from {from} to {until}.",
    "Das Gerät mit dieser Seriennummer wurde von {from} bis {until} bei einem anderen Kunden abgelesen.",
    "Il dispositivo con questo numero di serie è stato letto presso un altro cliente dal {from} al {until}.",
  ],
  late: [
    "Late, period {period}: {pages} more than in statement {number}, by readings, corrections or merges since.",
    "Nachträglich, Zeitraum {period}: {pages} mehr als in Abrechnung {number}, durch Ablesungen, Korrekturen oder Zusammenführungen seither.",
    "In ritardo, periodo {period}: {pages} in più rispetto al rendiconto {number}, per letture, correzioni o unioni successive.",
  ],
};

const ends = {
  begin: ["begin", "zum Beginn", "all'inizio"],
  end: ["end", "zum Ende", "alla fine"],
} as const;
const never = ["none", "keine", "nessuna"] as const;

/** In the language, with times of the zone. */
export function explain(mark: RowMark, { language, zone }: { language: Language; zone: string }): string {
  const place = ["en", "de", "it"].indexOf(language), locale = locales[language];
  const time = timesIn(locale, zone), number = new Intl.NumberFormat(locale);
  const words: Words = {};
  for (const [name, value] of Object.entries(mark)) {
    if (name === "end") words.end = ends[value as keyof typeof ends][place]!;
    else if (value === null) words[name] = name === "at" ? never[place]! : "";
    else if (typeof value !== "number") words[name] = String(value);
    else if (name === "at" || isTime(mark, name)) words[name] = time.format(value);
    else words[name] = name === "days" || name === "number" ? value : number.format(value);
  }
  if ("device" in mark) words.device = mark.serial ?? mark.device;
  return filled(texts[mark.kind][place]!, words);
}

function isTime({ kind }: RowMark, name: string): boolean {
  return (name === "from" || name === "until") && ["gap", "corrected", "elsewhere"].includes(kind);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function timesIn(locale: string, zone: string): Intl.DateTimeFormat {
  const key = `${locale} ${zone}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", timeZone: zone });
    formats.set(key, format);
  }
  return format;
}

function filled(text: string, words: Words): string {
  return text
    .replace(
      /\{days, plural, one \{([^}]*)\} other \{([^}]*)\}\}/,
      (_, one: string, other: string) => words.days === 1 ? one : other.replace("#", String(words.days)),
    )
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => String(words[name] ?? ""));
}
