import assert from "node:assert/strict";
import { maybeDeviceId } from "./device_id.ts";

const none = { maker: null, model: null, serial: null, deviceClass: null, description: null, prints: false };
const cases = [
  {
    name: "short keys",
    text: "MFG:Acme;CMD:PJL,PCL;MDL:A-1 series;CLS:PRINTER;DES:Acme A-1;SN:X12;",
    want: {
      maker: "Acme",
      model: "A-1 series",
      serial: "X12",
      deviceClass: "PRINTER",
      description: "Acme A-1",
      prints: true,
    },
  },
  {
    name: "long keys, spaces and other case",
    text: "Manufacturer: Acme; Model: A-1; Class: Printer",
    want: { ...none, maker: "Acme", model: "A-1", deviceClass: "PRINTER" },
  },
  { name: "a model alone", text: "COMMAND SET:;MODEL:Acme A-1", want: { ...none, model: "Acme A-1" } },
  { name: "a text cut off in a key", text: "MFG:Acme;MDL:A-1;CL", want: { ...none, maker: "Acme", model: "A-1" } },
  { name: "the first of a repeated key", text: "MDL:A;MDL:B", want: { ...none, model: "A" } },
  {
    name: "the command set before the maker",
    text: "COMMAND SET:PCL,PJL;MFG:Acme;MDL:A-1;",
    want: { ...none, maker: "Acme", model: "A-1", prints: true },
  },
  {
    name: "keys in lower case",
    text: "mfg:Acme;mdl:A-1;cls:printer;",
    want: { ...none, maker: "Acme", model: "A-1", deviceClass: "PRINTER" },
  },
  {
    name: "a text without semicolons",
    text: "MFG:Acme Inc CMD:PCL,PS MDL:A-1 pro CLS:PRINTER",
    want: { ...none, maker: "Acme Inc", model: "A-1 pro", deviceClass: "PRINTER", prints: true },
  },
  {
    name: "a text with commas for semicolons",
    text: "MFG:Acme,MDL:A-1,CLS:PRINTER",
    want: { ...none, maker: "Acme", model: "A-1", deviceClass: "PRINTER" },
  },
  { name: "octets of length before it", text: "*MFG:Acme;MDL:A-1;", want: { ...none, maker: "Acme", model: "A-1" } },
  { name: "a letter of length before it", text: "ZMFG:Acme;MDL:A-1;", want: { ...none, maker: "Acme", model: "A-1" } },
  { name: "a colon in a value", text: "MDL:A:1;", want: { ...none, model: "A:1" } },
];
for (const { name, text, want } of cases) {
  Deno.test(`maybeDeviceId() reads ${name}`, () => assert.deepEqual(maybeDeviceId(text), want));
}

for (const text of ["", "Acme A-1", "Software: Windows", ";;;", "MFG:;MDL:;"]) {
  Deno.test(`maybeDeviceId() takes ${JSON.stringify(text)} for no device id`, () => {
    assert.equal(maybeDeviceId(text), undefined);
  });
}
