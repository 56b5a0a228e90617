import assert from "node:assert/strict";
import type { UnreadDevice } from "../../common/reading/reading.ts";
import { createUnreadDevices } from "./unread_devices.ts";

const device = (host: number, changes: Partial<UnreadDevice> = {}): UnreadDevice => ({
  address: `10.0.0.${host}`,
  port: 161,
  hostname: null,
  description: null,
  objectId: null,
  reason: "late",
  ...changes,
});
const place = (host: number) => ({ address: `10.0.0.${host}`, port: 161 });

function listed() {
  const faults = new Map<string, string>();
  const devices = createUnreadDevices({
    add: (code, message) => void faults.set(code, message),
    clear: (code) => void faults.delete(code),
  });
  return { faults, devices };
}

Deno.test("createUnreadDevices() names who answered too late or from elsewhere, until it is read", () => {
  const { faults, devices } = listed();
  const elsewhere = device(9, { reason: "elsewhere", answeredFrom: "10.0.0.1 port 4711" });
  const unread = [device(7), elsewhere, device(8, { reason: "stopped" })];
  devices.note("hq", { places: null, cut: false, unread, read: [] });
  assert.equal(
    faults.get("unread:hq"),
    'Cannot read each device of the site "hq": 2 devices answered too late or from elsewhere: 10.0.0.7:161, ' +
      "10.0.0.9:161 (answered from 10.0.0.1 port 4711)",
  );
  // A pass over others says nothing of them, nor does a part of a sweep.
  devices.note("hq", { places: [place(3)], cut: false, unread: [], read: [place(3)] });
  devices.note("hq", { places: null, cut: true, unread: [], read: [place(7)] });
  assert.match(faults.get("unread:hq")!, /1 device answered too late or from elsewhere: 10\.0\.0\.9:161 \(/);
  devices.note("hq", { places: [place(9)], cut: false, unread: [], read: [place(9)] });
  assert.deepEqual([...faults], []);
});

Deno.test("createUnreadDevices() ends with a sweep that meets none, and with the site", () => {
  const { faults, devices } = listed();
  const many = [...Array(8).keys()].map((host) => device(host));
  devices.note("hq", { places: null, cut: false, unread: many, read: [] });
  devices.note("branch", { places: null, cut: false, unread: many, read: [] });
  assert.match(faults.get("unread:hq")!, /8 devices .* 10\.0\.0\.4:161 and 3 more$/);
  devices.note("hq", { places: null, cut: false, unread: [], read: [] });
  assert.deepEqual([...faults.keys()], ["unread:branch"]);
  devices.forgetAllBut(new Set(["hq"]));
  assert.deepEqual([...faults], []);
});
