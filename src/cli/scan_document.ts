import { byAddress } from "../../common/core/address_order.ts";
import type { Problem, Reading, ScanDocument, UnreadDevice } from "../../common/reading/reading.ts";
import { counted, whyUnread } from "../../common/report/fleet.ts";
import { nameUnread } from "../scan/name_unread.ts";
import type { ScanResult } from "../scan/supervise_scan.ts";

export interface ScanRun {
  startedAt: Date;
  finishedAt: Date;
  durationMs: number;
  addresses: number;
  /** Devices that are no printers are listed as well. */
  all: boolean;
}

/** What came of a scan, in the order of the addresses. */
export function documentOf(result: Omit<ScanResult, "captured" | "position">, run: ScanRun): ScanDocument {
  const { counters } = result;
  const problems: Problem[] = [...result.problems];
  if (counters.malformed > 0) {
    problems.push({
      code: "malformed-datagrams",
      message: `Dropped ${counted(counters.malformed, "datagram")} that ${
        counters.malformed === 1 ? "is" : "are"
      } not SNMP`,
    });
  }
  if (result.interrupted) {
    problems.push({
      code: "interrupted",
      message: `The scan was stopped: ${result.notProbed} of ${run.addresses} addresses were not probed`,
    });
  }
  return {
    schema: "opendca.scan/1",
    startedAt: run.startedAt.toISOString(),
    finishedAt: run.finishedAt.toISOString(),
    stats: {
      addresses: run.addresses,
      answered: counters.answered,
      printers: result.printers.length,
      packetsSent: counters.packetsSent,
      packetsReceived: counters.packetsReceived,
      durationMs: run.durationMs,
    },
    printers: inOrder(result.printers),
    ...(run.all ? { others: byAddress(result.others) } : {}),
    unread: byAddress(result.unread),
    problems: byAddress([...problems, ...unreadProblems(result.unread)]),
  };
}

/** Of one address in the order of the device index: results come as they were read. */
function inOrder(printers: readonly Reading[]): Reading[] {
  return byAddress(printers.toSorted((a, b) => (a.deviceIndex ?? 0) - (b.deviceIndex ?? 0)));
}

function unreadProblems(unread: readonly UnreadDevice[]): Problem[] {
  return Object.entries(whyUnread).flatMap(([reason, why]) => {
    const devices = unread.filter((device) => device.reason === reason);
    const count = devices.length;
    if (count === 0) return [];
    const names = reason === "late" || reason === "elsewhere" ? `: ${nameUnread(devices)}` : "";
    const message = `${counted(count, "device")} ${count === 1 ? "was" : "were"} found but not read, as ${why}${names}`;
    return [{ code: "unread", message }];
  });
}
