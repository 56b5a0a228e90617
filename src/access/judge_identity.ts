/** Whether the device that answers is the one of the inventory. Pure. */
import {
  type DeviceEvidence,
  type EvidenceKind,
  type EvidenceValue,
  evidenceValues,
  maybeDeviceSerial,
} from "../../common/reading/device_evidence.ts";
import type { KnownDevice } from "../store/inventory.ts";

export type IdentityVerdict =
  | { kind: "same" }
  /** Another device than the one of the inventory or of the order. */
  | { kind: "other"; why: string }
  /** Its answers do not identify it. */
  | { kind: "unknown"; why: string };

/**
 * `seen`: evidence of each printer at the address; undefined without an answer. `serial`: as known to the platform, or
 * empty.
 */
export function judgeIdentity(
  known: Pick<KnownDevice, "evidence">,
  { seen, serial }: { seen: readonly DeviceEvidence[] | undefined; serial: string },
): IdentityVerdict {
  const own = known.evidence.filter(({ current, shared }) => current && !shared);
  const valuesOf = (kind: EvidenceKind) => own.filter((each) => each.kind === kind).map(({ value }) => value);
  const serials = valuesOf("serial"), wanted = maybeDeviceSerial(serial);
  if (wanted !== null && serials.length > 0 && !serials.includes(wanted)) {
    return {
      kind: "other",
      why: `the platform means the device with serial number ${wanted}, and the inventory has ${serials[0]}`,
    };
  }
  if (seen === undefined || seen.length === 0) return { kind: "unknown", why: "it does not answer SNMP" };
  const shown = seen.flatMap(evidenceValues);
  // The serial number decides if both sides have one: boards with their addresses can be moved to another device.
  for (const kind of ["serial", "engineId", "mac"] as const) {
    const mine = kind === "serial" && serials.length === 0 && wanted !== null ? [wanted] : valuesOf(kind);
    const theirs = shown.filter((each: EvidenceValue) => each.kind === kind).map(({ value }) => value);
    if (mine.length === 0 || theirs.length === 0) continue;
    if (theirs.some((value) => mine.includes(value))) return { kind: "same" };
    const name = { serial: "serial number", engineId: "engine id", mac: "MAC address" }[kind];
    return { kind: "other", why: `its ${name} is ${theirs[0]}, and was ${mine[0]}` };
  }
  return { kind: "unknown", why: "it tells neither serial number, engine id nor MAC address" };
}
