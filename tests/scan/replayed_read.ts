/** One read of a device that is made of objects, without a network. */
import { Secret } from "../../common/core/secret.ts";
import type { Credential } from "../../src/snmp/credential.ts";
import type { ReadingScope } from "../../common/reading/reading.ts";
import type { KnownDevice } from "../../src/scan/access.ts";
import { createDeviceKinds, type DeviceKinds } from "../../src/scan/device_kinds.ts";
import { type DeviceOutcome, readDevice } from "../../src/scan/read_device.ts";
import { createRoundTrip } from "../../src/scan/round_trip.ts";
import type { CommunityMessage } from "../../src/snmp/message.ts";
import type { Varbind } from "../../src/snmp/value.ts";
import { ObjectTable } from "../../simulator/object_table.ts";
import { type Network, replayDevice } from "../fixtures/replayed_device.ts";

const credentials: Credential[] = [
  { kind: "community", name: "c", versions: ["2c", "1"], community: new Secret("public") },
];

/** Of lists that are read more than once. */
const tables = new WeakMap<readonly Varbind[], ObjectTable>();

function tableOf(objects: readonly Varbind[]): ObjectTable {
  const table = tables.get(objects) ?? ObjectTable.from(objects);
  tables.set(objects, table);
  return table;
}

export interface ReplayedRead {
  outcome: DeviceOutcome;
  requests: CommunityMessage[];
  /** Variable bindings of all requests. */
  objects: number;
  /** Octets of each answer. */
  answers: number[];
}

/** `objects` are not changed later. `known`: what is known of it from before, for a status read; `kinds`: what others have shown. */
export async function replayedRead(
  objects: readonly Varbind[],
  scope: ReadingScope,
  { known, deadlineMs = 60_000, kinds = createDeviceKinds(), ...network }: Network & {
    known?: KnownDevice | undefined;
    deadlineMs?: number;
    kinds?: DeviceKinds;
  } = {},
): Promise<ReplayedRead> {
  const { hub, target, answers, requests } = replayDevice(tableOf(objects), network);
  const system = objects.filter(({ oid }) => oid === "1.3.6.1.2.1.1.1.0" || oid === "1.3.6.1.2.1.1.2.0");
  const outcome = await readDevice({
    target: { ...target, family: 4, hostname: null },
    community: { version: network.speaks ?? "2c", name: "public" },
    varbinds: system,
    probeTiming: { afterMs: 5, certain: true },
  }, {
    hub,
    credentials,
    remembered: { credential: "c", enough: known === undefined ? null : "system", ...known && { known } },
    roundTrip: createRoundTrip({ minMs: 1000, maxMs: 8000 }),
    timeoutMs: network.speaks === undefined ? 1000 : 50,
    isLossy: () => false,
    retries: 1,
    slot: { stall() {}, answered() {}, release() {} },
    deadlineMs,
    pace: () => undefined,
    now: () => new Date(0),
    scope,
    learns: true,
    capture: null,
    kinds,
  });
  const asked = requests.reduce((sum, { pdu }) => sum + pdu.varbinds.length, 0);
  return { outcome, requests, objects: asked, answers };
}
