import assert from "node:assert/strict";
import type { Language } from "../users/users.ts";
import { type Line, mailOf } from "./notification_mail.ts";

function rowOf(language: Language, line: Partial<Line>): string {
  const whole: Line = {
    customer: "Acme",
    site: "Berlin",
    about: "Acme P1",
    kind: "supply",
    event: "raised",
    isOver: false,
    severity: "warning",
    description: "",
    detail: {},
    at: Date.UTC(2026, 2, 4, 10),
    path: "/",
    ...line,
  };
  const rule = { id: "r", name: "Toner" };
  const letter = {
    language,
    zone: "UTC",
    rule,
    origin: undefined,
    stopPath: undefined,
    isDigest: false,
    isTest: false,
  };
  const { text, html } = mailOf({ ...letter, lines: [whole] });
  const [, row] = /^ {2}\S.*?(?:AM|PM|\d\d:\d\d) {2}(.*)$/m.exec(text)!;
  assert(html?.includes(row!.replaceAll("'", "&#39;")));
  return row!;
}

const cases: { name: string; line: Partial<Line>; want: Record<Language, string> }[] = [
  {
    name: "a supply by its kind and colour",
    line: { description: "light cyan toner", detail: { percent: 9 } },
    want: {
      en: "Supply low: “light cyan toner” 9 %",
      de: "Material niedrig: “Toner hellcyan” 9 %",
      it: "Materiale basso: “toner ciano chiaro” 9 %",
    },
  },
  {
    name: "a supply without a colour",
    line: { description: "waste toner" },
    want: {
      en: "Supply low: “waste toner”",
      de: "Material niedrig: “Resttoner”",
      it: "Materiale basso: “toner di scarto”",
    },
  },
  {
    name: "a supply that only the printer has a name for, as it names it",
    line: { description: "Maintenance Kit" },
    want: {
      en: "Supply low: “Maintenance Kit”",
      de: "Material niedrig: “Maintenance Kit”",
      it: "Materiale basso: “Maintenance Kit”",
    },
  },
  {
    name: "what the printer says, as it says it",
    line: { kind: "printer", description: "black toner" },
    want: {
      en: "Reported by the printer: “black toner”",
      de: "Vom Drucker gemeldet: “black toner”",
      it: "Segnalato dalla stampante: “black toner”",
    },
  },
];
for (const { name, line, want } of cases) {
  Deno.test(`mailOf() names ${name}, in each language`, () => {
    const rows = (["en", "de", "it"] as const).map((language) => [language, rowOf(language, line)]);
    assert.deepEqual(Object.fromEntries(rows), want);
  });
}
