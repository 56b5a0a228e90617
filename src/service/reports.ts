/** Turns reports of the parts into log lines, faults and numbers of the status. */
import type { RenewalEvent } from "../link/renewal.ts";
import { type Clock, spanOf } from "../../common/core/clock.ts";
import { adviceOf, messageOf, type NotPermittedError } from "../../common/core/errors.ts";
import { DamagedDatabaseError } from "../../common/host/sqlite.ts";
import type { Logger } from "../log/logger.ts";
import type { MqttEvent } from "../link/mqtt_link.ts";
import type { PollEvent } from "../link/poller.ts";
import type { CapacityFinding } from "../schedule/capacity.ts";
import type { DatabaseEvent } from "../store/open_databases.ts";
import type { TaskEvent } from "../tasks/task_runner.ts";
import { TransportError } from "../link/transport_error.ts";
import type { UplinkEvent } from "../link/uplink.ts";
import type { FaultCode } from "./fault_kinds.ts";
import type { FaultList } from "./fault_list.ts";
import type { ScheduleEvent } from "./scheduler.ts";

export interface Contact {
  lastPollAt: Date | null;
  lastAnswerAt: Date | null;
  nextPollAt: Date | null;
  clockOffsetMs: number | null;
  lastUploadAt: Date | null;
}

export interface ReportParts {
  log: Logger;
  faults: FaultList;
  clock: Pick<Clock, "now">;
  /** Only a new activation ends this. */
  onRevoked(error: NotPermittedError): void;
  /** A defect of ours or a damaged database: the agent must start over. */
  onDefect(error: unknown): void;
  /** The status has changed. */
  changed(): void;
}

export interface Reports {
  readonly contact: Contact;
  poll(event: PollEvent): void;
  uplink(event: UplinkEvent): void;
  task(event: TaskEvent): void;
  renewal(event: RenewalEvent): void;
  schedule(event: ScheduleEvent): void;
  mqtt(event: MqttEvent): void;
}

/** Sites that are named; more would hide other faults. */
const maxFindings = 8;
/** Clock difference that is a fault: certificates and task expiries depend on the time. */
const clockFaultMs = 5 * 60_000;

export function createReports(parts: ReportParts): Reports {
  const contact: Contact = {
    lastPollAt: null,
    lastAnswerAt: null,
    nextPollAt: null,
    clockOffsetMs: null,
    lastUploadAt: null,
  };
  return {
    contact,
    poll: pollReport(parts, contact),
    uplink: (event) => reportUplink(event, parts, contact),
    task: (event) => reportTask(event, parts),
    renewal: (event) => reportRenewal(event, parts),
    schedule: scheduleReport(parts),
    mqtt: (event) => reportMqtt(event, parts),
  };
}

/** Reported while the databases are opened, before the other reports exist. */
export function databaseReport({ log, faults }: Pick<ReportParts, "log" | "faults">): (event: DatabaseEvent) => void {
  return (event) => {
    switch (event.event) {
      case "databaseDamaged": {
        const { path, keptAs, reason } = event;
        faults.add("database-damaged", `"${path}" was damaged: quarantined as "${keptAs}" and recreated`);
        return log.error("databaseDamaged", { path, keptAs, reason });
      }
      case "spoolSalvaged":
        faults.add("spool-damaged", "The spool was damaged: quarantined and recreated with its readable records");
        return log.error("spoolSalvaged", { ...event.report });
      case "customerChanged": {
        const { former, customer, kept } = event;
        const names = kept.map((name) => `"${name}"`).join(", ");
        faults.add(
          "former-customer",
          `What was read for "${former}" is not sent to "${customer}"; it is kept in ${names}`,
        );
        return log.warn("customerChanged", { former, customer, kept });
      }
      case "agentChanged":
        return log.info("agentChanged", { former: event.former, agentId: event.agentId });
    }
  };
}

function pollReport({ log, faults, clock, changed, onDefect, onRevoked }: ReportParts, contact: Contact) {
  let isConfigRefused = false;
  const after = (ms: number) => new Date(clock.now().getTime() + ms);

  function succeeded({ tasks, configChanged, clockOffsetMs, nextMs }: PollEvent & { event: "pollSucceeded" }): void {
    const isFirst = contact.lastAnswerAt === null;
    Object.assign(contact, { lastAnswerAt: clock.now(), nextPollAt: after(nextMs), clockOffsetMs });
    faults.clear("poll-failed");
    // A document that is still refused has been reported before.
    if (!isConfigRefused) faults.clear("config-refused");
    isConfigRefused = false;
    if (clockOffsetMs !== null && Math.abs(clockOffsetMs) > clockFaultMs) {
      faults.add(
        "clock-wrong",
        `This machine's clock is ${spanOf(Math.abs(clockOffsetMs))} ${
          clockOffsetMs < 0 ? "ahead of" : "behind"
        } the platform's: what is sent is corrected, but set it, as certificates are judged by it`,
      );
    } else faults.clear("clock-wrong");
    log[isFirst ? "info" : "debug"]("pollAnswered", { tasks, configChanged, nextMs, clockOffsetMs });
  }

  return (event: PollEvent): void => {
    contact.lastPollAt = clock.now();
    changed();
    switch (event.event) {
      case "pollSucceeded":
        return succeeded(event);
      case "pollFailed":
        contact.nextPollAt = after(event.nextMs);
        faults.add("poll-failed", event.error.message);
        if (event.error instanceof DamagedDatabaseError) onDefect(event.error);
        return log.warn("pollFailed", { error: event.error, nextMs: event.nextMs });
      case "configRefused":
        isConfigRefused = true;
        faults.add("config-refused", event.message);
        return log.warn("configRefused", { message: event.message });
      case "agentRevoked":
        return onRevoked(event.error);
    }
  };
}

function reportUplink(event: UplinkEvent, parts: ReportParts, contact: Contact): void {
  const { log, faults } = parts;
  switch (event.event) {
    case "batchSent":
      contact.lastUploadAt = parts.clock.now();
      faults.clear("upload-failed");
      faults.clear("upload-over-quota");
      parts.changed();
      return log.info("batchSent", {
        sequence: event.batch.sequence,
        records: event.batch.records.length,
        bytes: event.bytes,
        acknowledged: event.highestContiguousSequence,
      });
    case "batchQuarantined":
      faults.add("batch-quarantined", `The platform refused ${event.records} records: ${event.reason}`);
      return log.error("batchQuarantined", {
        sequence: event.sequence,
        records: event.records,
        reason: event.reason,
      });
    case "batchesLost": {
      const { first, last } = event;
      faults.add(
        "batches-lost",
        `The platform has lost ${
          first === last ? `batch ${first}` : `batches ${first} to ${last}`
        }, acknowledged earlier: the readings in it are gone`,
      );
      return log.warn("batchesLost", { first, last });
    }
    case "epochBegun":
      faults.add("epoch-begun", `A new epoch of batches began as ${event.reason}`);
      return log.warn("epochBegun", { reason: event.reason, epoch: event.epoch });
    case "uploadFailed":
      faults.add(isOverQuota(event.error) ? "upload-over-quota" : "upload-failed", event.error.message);
      return log.warn("uploadFailed", { error: event.error, waitMs: event.waitMs });
    case "agentRevoked":
      return parts.onRevoked(event.error);
    case "uplinkFailed":
      log.error("uplinkFailed", { reason: messageOf(event.error) });
      return parts.onDefect(event.error);
  }
}

function isOverQuota(error: Error): boolean {
  return error instanceof TransportError && error.fault.name === "over-quota";
}

function reportTask(event: TaskEvent, { log, faults, changed }: ReportParts): void {
  const { taskId } = event;
  changed();
  switch (event.event) {
    case "taskReceived":
      return log.info("taskReceived", { taskId, kind: event.kind });
    case "taskRefused":
      faults.add("task-refused", event.message);
      return log.warn("taskRefused", { taskId, reason: event.reason, message: event.message });
    case "taskFinished": {
      const level = event.state === "succeeded" ? "info" : "warn";
      return log[level]("taskFinished", { taskId, kind: event.kind, state: event.state, message: event.message });
    }
    case "tasksSaved":
      return faults.clear("task-unsaved");
    case "taskUnsaved":
      faults.add("task-unsaved", event.message);
      return log.error("taskUnsaved", { taskId, message: event.message });
  }
}

function reportMqtt(event: MqttEvent, { log, faults, changed }: ReportParts): void {
  changed();
  if (event.event === "mqttConnected") {
    faults.clear("mqtt-failed");
    return log.info("mqttConnected", { endpoint: event.endpoint, version: event.version });
  }
  faults.add("mqtt-failed", event.error.message);
  log.warn("mqttFailed", { endpoint: event.endpoint, error: event.error, waitMs: event.waitMs });
}

function reportRenewal(event: RenewalEvent, { log, faults, changed, onRevoked }: ReportParts): void {
  switch (event.event) {
    case "certificateRenewed":
      faults.clear("renewal-failed");
      changed();
      return log.info("certificateRenewed", { notAfter: event.notAfter });
    case "renewalFailed":
      faults.add("renewal-failed", event.error.message);
      return log.warn("renewalFailed", { error: event.error, waitMs: event.waitMs });
    case "agentRevoked":
      return onRevoked(event.error);
  }
}

function scheduleReport({ log, faults, changed }: ReportParts) {
  const reportCapacity = capacityReport({ log, faults });
  return (event: ScheduleEvent): void => {
    if (event.event === "capacityJudged") return reportCapacity(event.findings);
    const { site } = event;
    changed();
    switch (event.event) {
      case "sweepBegun":
        return log.info("sweepBegun", {
          site,
          ...(event.looksFor > 0 ? { looksFor: event.looksFor } : {}),
          ...(event.done > 0 ? { done: event.done } : {}),
        });
      case "sweepEnded": {
        faults.clear(`scan-failed ${site}`);
        const { addresses, answered, printers, durationMs } = event.outcome;
        return log.info("sweepEnded", { site, addresses, answered, printers, durationMs: Math.round(durationMs) });
      }
      case "readEnded":
        return faults.clear(`scan-failed ${site}`);
      case "sweepInterrupted":
        return log.info("sweepInterrupted", { site, reason: event.reason, done: event.done });
      case "scanFailed":
        faults.add(`scan-failed ${site}`, adviceOf(event.error));
        return log.warn("scanFailed", { site, reason: adviceOf(event.error) });
    }
  };
}

/** Reports each finding once: it stays until somebody changes hours, rate or intervals. */
function capacityReport({ log, faults }: Pick<ReportParts, "log" | "faults">) {
  let tight: ReadonlyMap<FaultCode, string> = new Map();
  return (findings: readonly CapacityFinding[]): void => {
    const told = new Map(
      findings.slice(0, maxFindings).map(({ code, message }): [FaultCode, string] => [code, message]),
    );
    const more = findings.length - told.size;
    if (more > 0) told.set("capacity-more", `${more} more sites have too low a rate or too short hours`);
    for (const code of tight.keys()) if (!told.has(code)) faults.clear(code);
    for (const [code, message] of told) {
      if (tight.get(code) === message) continue;
      faults.add(code, message);
      if (!tight.has(code)) log.warn("capacityExceeded", { message });
    }
    tight = told;
  };
}
