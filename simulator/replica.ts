/** Copies of one device that differ in serial, MAC address and host name wherever these stand in a value. */
import type { Varbind } from "../src/snmp/value.ts";
import type { DeviceDescription } from "./description.ts";
import { nextMac } from "./system_mib.ts";

type Identity = Pick<DeviceDescription, "serial" | "hostname" | "mac">;

/** The identity of the nth copy; 0 is the device itself. */
export function identityOf({ serial, hostname, mac }: Identity, n: number): Identity {
  if (n === 0) return { serial, hostname, mac };
  return {
    serial: serial === "" ? "" : countedUp(serial, n),
    hostname: hostname === "" ? "" : /\d$/.test(hostname) ? countedUp(hostname, n) : `${hostname}-${n + 1}`,
    mac: mac && nextMac(mac, n),
  };
}

/** The objects that carry the identity and therefore differ between copies. */
export function identityObjects(objects: Varbind[], identity: Identity): Varbind[] {
  const marks = marksOf(identity);
  return objects.filter(({ value }) =>
    value instanceof Uint8Array && marks.some((mark) => latin1(value).includes(mark))
  );
}

/** Those objects with another identity in the place of the first. */
export function withIdentity(objects: Varbind[], { from, to }: { from: Identity; to: Identity }): Varbind[] {
  const before = marksOf(from), after = marksOf(to);
  return objects.map((object) => {
    let text = latin1(object.value as Uint8Array);
    before.forEach((mark, i) => text = text.replaceAll(mark, () => after[i]!));
    return { ...object, value: Uint8Array.from(text, (unit) => unit.charCodeAt(0)) };
  });
}

function marksOf({ serial, hostname, mac }: Identity): string[] {
  const marks = [serial, hostname].map((text) => latin1(new TextEncoder().encode(text)));
  if (mac) marks.push(latin1(mac));
  return marks.filter((mark) => mark !== "");
}

function latin1(octets: Uint8Array): string {
  return String.fromCharCode(...octets);
}

/** Counts in the digits at the end and keeps the length; appends where there are none or too few. */
function countedUp(text: string, n: number): string {
  const digits = /\d{1,9}$/.exec(text)?.[0] ?? "";
  const next = String(Number(digits) + n);
  return digits === "" || next.length > digits.length
    ? `${text}-${n + 1}`
    : text.slice(0, -digits.length) + next.padStart(digits.length, "0");
}
