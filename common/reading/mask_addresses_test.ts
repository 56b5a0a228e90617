import assert from "node:assert/strict";
import { maskAddresses } from "./mask_addresses.ts";

const cases = [
  {
    text: "Cannot send to 10.1.0.7 port 161 (and perhaps others): no route",
    want: "Cannot send to [masked] port 161 (and perhaps others): no route",
  },
  { text: "10.1.0.7:1161, 10.1.0.0/16 and [fd00::7]:161.", want: "[masked]:1161, [masked]/16 and [[masked]]:161." },
  { text: 'It is "10.1.0.7".', want: 'It is "[masked]".' },
  { text: "It is 10.1.0.7.", want: "It is [masked]." },
  { text: "fd00::7 and 2001:db8:0:0:0:0:0:1 are silent", want: "[masked] and [masked] are silent" },
  { text: "mapped ::ffff:192.0.2.1", want: "mapped [masked]" },
  { text: "object 1.3.6.1.2.1.43 of release 1.2.3", want: "object 1.3.6.1.2.1.43 of release 1.2.3" },
  {
    text: "at 2026-01-01T06:30:00Z, 06:30:00, a::b is one",
    want: "at 2026-01-01T06:30:00Z, 06:30:00, [masked] is one",
  },
  { text: "aa:bb:cc:dd:ee:ff is a MAC address", want: "aa:bb:cc:dd:ee:ff is a MAC address" },
  { text: "999.1.1.1 is none", want: "999.1.1.1 is none" },
];
for (const { text, want } of cases) {
  Deno.test(`maskAddresses() makes of "${text}" "${want}"`, () => {
    assert.equal(maskAddresses(text, ["address"]), want);
    assert.equal(maskAddresses(text, ["serial"]), text);
  });
}
