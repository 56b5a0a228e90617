import assert from "node:assert/strict";
import fc from "fast-check";
import { cleanText, decodeHexContinued, decodeText } from "./text.ts";

const cases: { name: string; hex: string; charset?: number; want: string }[] = [
  { name: "ASCII", hex: "526561647920", charset: 2004, want: "Ready" },
  { name: "ISO-8859-2", hex: "6ca6", charset: 5, want: "lŚ" },
  { name: "ISO-8859-5", hex: "b3dee2deb2", charset: 8, want: "ГотоВ" },
  { name: "HP Roman-8", hex: "4b6f7069cd6e", charset: 2004, want: "Kopiën" },
  { name: "code page 850", hex: "5472816262", charset: 2009, want: "Trübb" },
  { name: "Shift_JIS", hex: "8358838a815b8376", charset: 17, want: "スリープ" },
  { name: "GBK", hex: "cbafc3df", charset: 113, want: "睡眠" },
  { name: "KOI8-R", hex: "f3cfce", charset: 2084, want: "Сон" },
  { name: "windows-1251", hex: "d1eeed", charset: 2251, want: "Сон" },
  { name: "multi-octet UTF-8 although the device declares Latin-1", hex: "756e6974c3a0", charset: 4, want: "unità" },
  { name: "Latin-1 when nothing is declared", hex: "756e6974e0", want: "unità" },
  { name: "Latin-1 when the device declares UTF-8 and is wrong", hex: "756e6974e0", charset: 106, want: "unità" },
  { name: "an unknown character set as Latin-1", hex: "756e6974e0", charset: 99999, want: "unità" },
  { name: "UTF-16 by its NULs", hex: "004f006b", charset: 1013, want: "Ok" },
  { name: "UTF-16 that nobody declares", hex: "004f006b", want: "Ok" },
  { name: "little-endian UTF-16 that nobody declares", hex: "4f006b00", want: "Ok" },
  { name: "little-endian UTF-16 with padding", hex: "4f006b0000000000", charset: 4, want: "Ok" },
  { name: "UTF-16 with a byte order mark", hex: "fffe4f006b00", charset: 106, want: "Ok" },
  { name: "UTF-16 without Latin letters", hex: "30b930ea30fc30d7", charset: 1013, want: "スリープ" },
  { name: "little-endian UTF-16 with other letters", hex: "1e043a00", charset: 1014, want: "О:" },
  { name: "ASCII although the device declares UTF-16", hex: "526561647921", charset: 1015, want: "Ready!" },
  { name: "a single letter with padding", hex: "41000000", want: "A" },
  { name: "UTF-8 whose last character is cut off", hex: "756e6974c3a0c3", charset: 4, want: "unità" },
  { name: "UTF-8 whose last character lacks one of three", hex: "e382b9e383aae383", charset: 17, want: "スリ" },
  { name: "UTF-8 with one damaged octet", hex: "c3a0c3a8ffc3ac", charset: 4, want: "àèì" },
  { name: "Latin-1 that ends like UTF-8", hex: "436166c3", charset: 4, want: "CafÃ" },
  { name: "Windows-1250 although the device declares ISO-8859-2", hex: "8c6c", charset: 5, want: "Śl" },
  { name: "Windows-1251 although the device declares ISO-8859-5", hex: "80eeed", charset: 8, want: "Ђон" },
  { name: "ISO-2022-JP", hex: "1b2442256a1b2842", charset: 39, want: "リ" },
  { name: "a character set called like a method", hex: "41e9", charset: Number.NaN, want: "Aé" },
  { name: "nothing behind the NUL that ends a string", hex: "41424300fe58590041", want: "ABC" },
  { name: "NULs alone as nothing", hex: "00000000", want: "" },
  { name: "trailing NULs and spaces as padding", hex: "4142432020000000", want: "ABC" },
  { name: "line ends as one space", hex: "410d0a0d42", want: "A B" },
];
for (const { name, hex, charset, want } of cases) {
  Deno.test(`decodeText() reads ${name}`, () => assert.equal(decodeText(Uint8Array.fromHex(hex), charset), want));
}

const hostile = [
  { name: "a colour sequence", text: "a\x1b[31mb", want: "ab" },
  { name: "a window title sequence", text: "a\x1b]0;owned\x07b", want: "ab" },
  { name: "a device control string", text: "a\x1bPq#0\x1b\\b", want: "ab" },
  { name: "an escape at the end", text: "a\x1b", want: "a" },
  { name: "a C1 control sequence introducer", text: "a\x9b31mb", want: "a 31mb" },
  { name: "a right-to-left override", text: "a\u202eb", want: "ab" },
  { name: "an isolate", text: "a\u2066b\u2069", want: "ab" },
  { name: "a zero-width space and a byte order mark", text: "\ufeffa\u200bb", want: "ab" },
  { name: "a lone surrogate", text: "a\ud800b", want: "ab" },
  { name: "a backspace", text: "a\bb", want: "a b" },
];
for (const { name, text, want } of hostile) {
  Deno.test(`cleanText() removes ${name}`, () => assert.equal(cleanText(text), want));
}

Deno.test("decodeText() leaves nothing that a terminal interprets, whatever the octets and the character set", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 0, max: 2300 }), (octets, charset) => {
    const text = decodeText(octets, charset);
    // deno-lint-ignore no-control-regex -- what is looked for
    assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    assert.equal(text, text.trim());
    assert.ok(text.isWellFormed());
  }));
});

Deno.test("decodeHexContinued() joins lines of hexadecimal octets", () => {
  const octets = new TextEncoder().encode("Black Cartridg\n65 20 31 32 \n41 00 ");
  assert.equal(decodeHexContinued(octets), "Black Cartridge 12A");
});

Deno.test("decodeHexContinued() leaves other second lines alone", () => {
  assert.equal(decodeHexContinued(new TextEncoder().encode("Tray\nempty")), "Tray empty");
});

Deno.test("decodeText() reads no more than a text can have", () => {
  assert.equal(decodeText(new Uint8Array(65_000).fill(0x41)).length, 2048);
});
