/** Joins web access with the approvals and the files of this machine. */
import type { Clock } from "../../common/core/clock.ts";
import type { Inventory } from "../store/inventory.ts";
import { type SessionFiles, type SessionFilesOptions, startSessionFiles } from "./session_files.ts";
import { openStandingApprovals, type StandingApprovals, type StandingApprovalsOptions } from "./standing_approvals.ts";
import { createWebAccess, type WebAccess, type WebAccessParts } from "./web_access.ts";

type Log = WebAccessParts["log"];

export type OpenWebAccessOptions =
  & Omit<WebAccessParts, "approvals" | "changed" | "log" | "inventory">
  & Pick<StandingApprovalsOptions, "stateDirectory" | "agentId" | "disk">
  & Pick<SessionFilesOptions, "replaceTextFile">
  & { machineClock: Clock; inventory: Pick<Inventory, "device" | "devices">; log: { info: Log; warn: Log } };

/** Sessions end before the files are closed. */
export function openWebAccess(options: OpenWebAccessOptions): { access: WebAccess; files: SessionFiles } {
  const { inventory, log } = options;
  const approvals: StandingApprovals = openStandingApprovals({
    ...options,
    devices: () => inventory.devices(),
    changed: () => access.approvalsChanged(),
    log: log.warn,
  });
  const access: WebAccess = createWebAccess({ ...options, approvals, changed: () => files.changed(), log: log.info });
  const files: SessionFiles = startSessionFiles({
    ...options,
    clock: options.machineClock,
    access,
    approvals,
    isOn: () => options.config().policy.features.webAccess,
    log: log.warn,
  });
  return { access, files };
}
