import assert from "node:assert/strict";
import { maybeDeviceId } from "./device_id.ts";

const none = { maker: null, model: null, serial: null, deviceClass: null, description: null };
const cases = [
  {
    name: "short keys",
    text: "MFG:Acme;CMD:PJL,PCL;MDL:A-1 series;CLS:PRINTER;DES:Acme A-1;SN:X12;",
    want: { maker: "Acme", model: "A-1 series", serial: "X12", deviceClass: "PRINTER", description: "Acme A-1" },
  },
  {
    name: "long keys, spaces and other case",
    text: "Manufacturer: Acme; Model: A-1; Class: Printer",
    want: { ...none, maker: "Acme", model: "A-1", deviceClass: "PRINTER" },
  },
  { name: "a model alone", text: "COMMAND SET:;MODEL:Acme A-1", want: { ...none, model: "Acme A-1" } },
  { name: "a text cut off in a key", text: "MFG:Acme;MDL:A-1;CL", want: { ...none, maker: "Acme", model: "A-1" } },
  { name: "the first of a repeated key", text: "MDL:A;MDL:B", want: { ...none, model: "A" } },
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
