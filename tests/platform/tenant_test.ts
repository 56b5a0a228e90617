/**
 * Customers are apart. Every function of the store that takes a customer is called for one customer with ids of another:
 * it must answer as if they did not exist, and leave the other's rows as they are.
 */
import assert from "node:assert/strict";
import { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { DeviceEvent } from "../../proto/gen/opendca/v1/batch.ts";
import { TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import * as queueChanges from "../../platform/events/queue_changes.ts";
import * as legacyTls from "../../platform/access/legacy_tls_permission.ts";
import * as sessions from "../../platform/access/sessions.ts";
import * as activationCodes from "../../platform/agents/activation_codes.ts";
import * as agentConfigs from "../../platform/agents/agent_configs.ts";
import * as agents from "../../platform/agents/agents.ts";
import * as batches from "../../platform/agents/batches.ts";
import * as certificates from "../../platform/agents/certificates.ts";
import * as billedDevices from "../../platform/billing/billed_devices.ts";
import * as computeRows from "../../platform/billing/compute_rows.ts";
import * as corrections from "../../platform/billing/corrections.ts";
import * as lateReadings from "../../platform/billing/late_readings.ts";
import * as placedReadings from "../../platform/billing/placed_readings.ts";
import * as proofs from "../../platform/billing/proofs.ts";
import * as series from "../../platform/billing/series.ts";
import * as billingSettings from "../../platform/billing/settings.ts";
import type { StatementRow } from "../../platform/billing/statement.ts";
import * as statements from "../../platform/billing/statements.ts";
import * as customers from "../../platform/customers/customers.ts";
import * as ledgerHeads from "../../platform/agents/ledger_heads.ts";
import * as batchSeals from "../../platform/devices/batch_seals.ts";
import * as devices from "../../platform/devices/devices.ts";
import * as listedDevices from "../../platform/devices/listed_devices.ts";
import * as pageOfDevices from "../../platform/devices/page_of_devices.ts";
import * as deviceChanges from "../../platform/devices/device_changes.ts";
import * as deviceGroups from "../../platform/devices/device_groups.ts";
import * as alertEvents from "../../platform/alerts/alert_events.ts";
import * as listAlerts from "../../platform/alerts/list_alerts.ts";
import * as raisedAlerts from "../../platform/alerts/raised_alerts.ts";
import * as keptForecasts from "../../platform/devices/kept_forecasts.ts";
import * as alerts from "../../platform/devices/alerts.ts";
import * as deviceState from "../../platform/devices/device_state.ts";
import * as lateArrivals from "../../platform/devices/late_arrivals.ts";
import * as readings from "../../platform/devices/readings.ts";
import * as samples from "../../platform/devices/samples.ts";
import * as tasks from "../../platform/tasks/tasks.ts";
import * as quota from "../../platform/agents/quota.ts";
import type { Tenant } from "../../platform/store/store.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { startTestPlatform } from "../fixtures/platform_fixture.ts";
import * as knownDevices from "../fixtures/known_devices.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { changeOf, customerWithEverything, dump, idsIn, keyDigest, ofNobody } from "./tenant_scene.ts";
import { sessionOf, tablesOf } from "./tenant_scene.ts";

const modules = {
  activationCodes,
  agentConfigs,
  agents,
  alertEvents,
  alerts,
  batches,
  batchSeals,
  billedDevices,
  billingSettings,
  certificates,
  computeRows,
  corrections,
  customers,
  deviceChanges,
  deviceGroups,
  devices,
  deviceState,
  knownDevices,
  lateArrivals,
  ledgerHeads,
  listedDevices,
  pageOfDevices,
  lateReadings,
  legacyTls,
  keptForecasts,
  listAlerts,
  placedReadings,
  proofs,
  queueChanges,
  raisedAlerts,
  readings,
  samples,
  series,
  statements,
  tasks,
  sessions,
  quota,
};
const at = new Date();
const facts = {
  agent_id: "",
  network: "",
  serial: null,
  manufacturer: null,
  model: null,
  hostname: null,
  firmware: null,
};
const wholeFacts = { ...facts, location: null, address: "10.0.0.1", state: "idle" };

const sample = { kind: "meter", name: "total", value: 1, unit: "impressions", level: "" } as const;
const foreignDevice = (id: string) => ({
  ...wholeFacts,
  device_id: id,
  first_seen_at: 0,
  last_seen_at: 0,
  agent_seen_at: 0,
  merged_into: id,
  split: 1,
});
const arrived = (deviceId: string) => ({
  deviceId,
  agentId: deviceId,
  observedAt: at,
  receivedAt: at,
  basis: "agent" as const,
  scope: "full" as const,
  reading: readingOf(),
  stored: new Uint8Array(1),
});

const always = { from: 0, until: 1e15 };
const rowOfForeign = (id: string) =>
  ({ device: { id }, first: { device: id, at: at.toISOString() }, last: null, marks: [] }) as unknown as StatementRow;
const statementOfForeign = (id: string) => ({
  ...always,
  number: 1,
  siteId: id,
  deviceId: id,
  madeAt: 0,
  supersedes: null,
  supersededBy: null,
  isNoted: true,
  rows: 0,
  head: {} as never,
  hash: "",
  signature: new Uint8Array(64),
  keyId: "",
});
/* What is thrown for a number that there is not. */
const noStatement = (error: unknown) => {
  assert.match(String(error), /Cannot find statement 1|Cannot read properties of undefined/);
  return undefined;
};

const recordOfForeign = (id: string) => ({
  agentId: id,
  recordId: crypto.randomUUID(),
  deviceId: id,
  observedAt: at,
  basis: "agent" as const,
  agentAt: at,
  receivedAt: at,
  kind: "reading" as const,
  stored: new Uint8Array(1),
});
const sighted = (id: string) => ({
  agentId: id,
  siteId: id,
  network: "Head office",
  deviceKey: id,
  observedAt: at,
  scope: "full" as const,
});
const eventOf = (id: string) =>
  DeviceEvent.fromPartial({ address: "10.1.0.7", evidence: { serial: "ABC12345", engineId: id } });

const unknown = (error: Error) => assert.match(error.message, /^Cannot find /);

/* One call for each function, with a foreign id in every place of an id. */
const probes: Record<string, (tenant: Tenant, id: string) => Promise<unknown>> = {
  allowsLegacyTls: (tenant, id) => legacyTls.allowsLegacyTls(tenant, id),
  addActivationCode: (tenant, id) =>
    activationCodes.addActivationCode(tenant, { siteId: id, at, expiresAt: at, pepper: new Uint8Array(32) }),
  countFailedCode: (tenant, id) => activationCodes.countFailedCode(tenant, id),
  useCode: (tenant, id) => activationCodes.useCode(tenant, { codeId: id, agentId: id, at }),
  markWithdrawn: (tenant, id) => activationCodes.markWithdrawn(tenant, id),
  codeRows: (tenant) => activationCodes.codeRows(tenant),
  keepAgentConfig: (tenant, id) =>
    agentConfigs.keepAgentConfig(tenant, {
      agentId: id,
      document: agentConfigs.configDocument(PlatformConfig.fromPartial({})),
      at,
    }),
  configVersions: (tenant, id) => agentConfigs.configVersions(tenant, { agentId: id }),
  maybeAgentConfig: (tenant, id) => agentConfigs.maybeAgentConfig(tenant, id),
  addAgent: (tenant, id) => agents.addAgent(tenant, { siteId: id, installationId: id, hostname: "", version: "", at }),
  maybeAgent: (tenant, id) => agents.maybeAgent(tenant, id),
  maybeAgentOfAttempt: (tenant, id) => agents.maybeAgentOfAttempt(tenant, { codeId: id, attemptId: id }),
  noteConfigHash: (tenant, id) => agents.noteConfigHash(tenant, { agentId: id, hash: "x" }),
  siteOfAgent: (tenant, id) => agents.siteOfAgent(tenant, id),
  maybeOrigin: (tenant, id) => agents.maybeOrigin(tenant, id),
  agentRows: (tenant) => agents.agentRows(tenant),
  markRevoked: (tenant, id) => agents.markRevoked(tenant, { agentId: id, reason: "x", at }),
  notePoll: (tenant, id) =>
    agents.notePoll(tenant, {
      agentId: id,
      at,
      version: "x",
      hostname: "x",
      status: AgentStatus.encode(AgentStatus.create()).finish(),
      effectiveConfigHash: "x",
      effectiveConfig: "x",
      pollSeconds: 0,
    }),
  noteRun: (tenant, id) => agents.noteRun(tenant, { agentId: id, runId: id, at }),
  suspectClone: (tenant, id) => agents.suspectClone(tenant, { agentId: id, reason: "x", at }),
  maybeBatch: (tenant, id) => batches.maybeBatch(tenant, { agentId: id, epoch: "epoch-1", sequence: 1 }),
  addBatch: (tenant, id) =>
    batches.addBatch(tenant, {
      key: { agentId: id, epoch: "epoch-1", sequence: 1 },
      batchId: id,
      digest: new Uint8Array(32),
      at,
      records: 0,
      rejection: undefined,
    }),
  listRejections: (tenant, id) =>
    batches.listRejections(tenant, { agentId: id, epoch: "epoch-1", sequence: 1 }, undefined),
  contiguousOf: (tenant, id) => batches.contiguousOf(tenant, { agentId: id, epoch: "epoch-1" }),
  advanceContiguous: (tenant, id) => batches.advanceContiguous(tenant, { agentId: id, epoch: "epoch-1" }),
  noteEpoch: (tenant, id) => batches.noteEpoch(tenant, { agentId: id, epoch: "epoch-1", at }),
  addCertificate: (tenant, id) =>
    certificates.addCertificate(tenant, {
      agentId: id,
      certificate: {
        serial: id,
        fingerprint: crypto.getRandomValues(new Uint8Array(32)),
        der: new Uint8Array(1),
        issuedAt: at,
        notAfter: at,
      },
    }),
  noteCertificateUse: (tenant, id) => certificates.noteCertificateUse(tenant, { agentId: id, serial: id, at }),
  latestCertificate: (tenant, id) => certificates.latestCertificate(tenant, id),
  addSite: (tenant, id) => customers.addSite(tenant, { name: id, at }),
  siteRows: (tenant) => customers.siteRows(tenant),
  siteOf: (tenant, id) => customers.siteOf(tenant, id).catch(unknown),
  refuseClosed: (tenant) => customers.refuseClosed(tenant, "make a code"),
  maybeSite: (tenant, id) => customers.maybeSite(tenant, id),
  addDevice: (tenant, id) => knownDevices.addDevice(tenant, { facts: { ...wholeFacts, agent_id: id }, at }),
  updateDevice: (tenant, id) => devices.updateDevice(tenant, { deviceId: id, facts: wholeFacts, at, agentSeenAt: at }),
  noteLedgerHead: (tenant, id) =>
    ledgerHeads.noteLedgerHead(tenant, { agentId: id, number: 1, hash: "a".repeat(64), at }),
  ledgerHeadRows: (tenant, id) => ledgerHeads.ledgerHeadRows(tenant, id),
  noteConfigRefusals: (tenant, id) => agents.noteConfigRefusals(tenant, { agentId: id, refusals: ["x"] }),
  noteEarlierSight: (tenant, id) => devices.noteEarlierSight(tenant, { deviceId: id, at: new Date(0) }),
  maybeDevice: (tenant, id) => devices.maybeDevice(tenant, id),
  countDevices: async (tenant) => (await listedDevices.countDevices(tenant, { silentSince: at })).known,
  findDevices: (tenant, id) => devices.findDevices(tenant, id),
  closedAgentIds: (tenant) => listedDevices.closedAgentIds(tenant),
  queueChanges: (tenant, id) => queueChanges.queueChanges(tenant, [id]),
  queueAllDevices: (tenant) => queueChanges.queueAllDevices(tenant),
  deviceRows: (tenant) => listedDevices.deviceRows(tenant),
  statedRows: (tenant) => listedDevices.statedRows(tenant, {}),
  statedRowsNamed: (tenant, id) => listedDevices.statedRowsNamed(tenant, { hidden: [], of: new Map() }, [id]),
  orderedIds: (tenant, id) => listedDevices.orderedIds(tenant, { ids: [id] }, { by: "pages", isDescending: true }),
  pageOfIds: async (tenant, id) => (await pageOfDevices.pageOfIds(tenant, {}, { limit: 9, agents: countsOf(id) })).rows,
  pageBySite: async (tenant, id) =>
    (await pageOfDevices.pageBySite(tenant, {}, { place: undefined, limit: 9, agents: countsOf(id) })).rows,
  agentCounts: (tenant) => listedDevices.agentCounts(tenant, {}, { silentSince: at }),
  countRows: async (tenant) =>
    Object.values(await listedDevices.countRows(tenant, {}, [])).reduce((sum, count) => sum + count, 0),
  alertRows: async (tenant) => (await alerts.alertRows(tenant, { filters: {}, ended: true, limit: 9 })).rows,
  periodRows: (tenant) =>
    samples.periodRows(tenant, { filters: {}, name: undefined, from: new Date(0), until: new Date() }),
  withKnown(tenant, id) {
    const evidence = { kind: "serial", value: "ABC12345" }, place = { scope: `agent ${id}`, place: "10.1.0.7 161 0" };
    const wanted = { evidence: [evidence], places: [place], deviceIds: [id] };
    return knownDevices.withKnown(tenant, wanted, (known) => [
      ...known.evidenceHolders(evidence),
      ...known.placeHolders(place),
      ...[known.device(id) ?? [], known.state(id) ?? [], known.alerts(id), known.evidenceOf(id)].flat(),
    ]);
  },
  setRowsOfKnown: (tenant, id) =>
    knownDevices.setRowsOfKnown(tenant, {
      evidence: { kind: "serial", value: "ABC12345", device_id: id, seen_at: 0, current: 1, shared: 0, sure: 1 },
      place: { scope: `agent ${id}`, place: "10.1.0.7 161 0", device_id: id, seen_at: 0, until: null },
    }),
  evidenceOf: (tenant, id) => devices.evidenceOf(tenant, id),
  allEvidenceOf: (tenant, id) => devices.allEvidenceOf(tenant, id),
  agentPlacesOf: (tenant, id) => devices.agentPlacesOf(tenant, id),
  changesOf: (tenant, id) => deviceChanges.changesOf(tenant, [id]),
  maybeChange: (tenant, id) => deviceChanges.maybeChange(tenant, id),
  addChange: (tenant, id) => deviceChanges.addChange(tenant, changeOf(id)),
  markUndone: (tenant, id) =>
    deviceChanges.markUndone(tenant, { changeId: id, at: 0, actor: "operator:eva", reason: null }),
  splitsOf: (tenant) => deviceChanges.splitsOf(tenant),
  savedBySplit: async (tenant, id) => await deviceChanges.savedBySplit(tenant, id) ?? undefined,
  groupsOf: async (tenant) => (await deviceGroups.groupsOf(tenant)).hidden,
  groupOf: async (tenant, id) => (await deviceGroups.groupOf(tenant, foreignDevice(id))).parts,
  maybeMerged: async (tenant, id) =>
    (await deviceGroups.maybeMerged(tenant, {
      groups: { hidden: [], of: new Map([[id, { deviceId: id, parts: [foreignDevice(id)] }]]) },
      filters: {},
    }))!.found,
  stateOf: (tenant, id) => deviceGroups.stateOf(tenant, { deviceId: id, parts: [foreignDevice(id)] }),
  joinedStates: async (tenant, id) => {
    const group = { deviceId: id, parts: [foreignDevice(id)] };
    return [...(await deviceGroups.joinedStates(tenant, { hidden: [], of: new Map([[id, group]]) })).keys()];
  },
  joinedRows: async (tenant) => await deviceGroups.joinedRows(tenant, await deviceGroups.groupsOf(tenant), []),
  mergeDevices: (tenant, id) => devices.mergeDevices(tenant, { from: id, into: "dev-000000000000", at: 0 }),
  addHistory: (tenant, id) => devices.addHistory(tenant, { deviceId: id, at: 0, kind: "x", before: null, after: null }),
  historyOf: (tenant, id) => devices.historyOf(tenant, id),
  knownRecords: async (tenant, id) => (await readings.knownRecords(tenant, { agentId: id, recordIds: [id] })).size,
  addRecord: (tenant, id) => knownDevices.addRecord(tenant, recordOfForeign(id)),
  addRecords: (tenant, id) => readings.addRecords(tenant, [recordOfForeign(id)]),
  noteLate: (tenant, id) => lateArrivals.noteLate(tenant, { records: [recordOfForeign(id)], merged: [id] }),
  lateDevices: (tenant) => lateArrivals.lateDevices(tenant, { since: 0, until: 1e15 }),
  readersOf: (tenant, id) => readings.readersOf(tenant, id),
  keepOneReading: (tenant, id) => knownDevices.keepOneReading(tenant, arrived(id)),
  resolveOneReading: (tenant, id) => knownDevices.resolveOneReading(tenant, sighted(id), readingOf()),
  resolveOneEvent: (tenant, id) => knownDevices.resolveOneEvent(tenant, sighted(id), eventOf(id)),
  mergeTwoKeys: (tenant, id) => knownDevices.mergeTwoKeys(tenant, sighted(id), "other"),
  maybeDeviceState: (tenant, id) => deviceState.maybeDeviceState(tenant, id),
  setDeviceReading: (tenant, id) =>
    deviceState.setDeviceReading(tenant, id, deviceState.nextState(undefined, arrived(id))!),
  addSamples: (tenant, id) => samples.addSamples(tenant, [{ deviceId: id, at: 0, isLate: true, samples: [sample] }]),
  latestMeters: (tenant, id) => samples.latestMeters(tenant, id),
  meterHistoryRows: (tenant, id) => samples.meterHistoryRows(tenant, { deviceId: id, name: undefined, limit: 9 }),
  openAlerts: (tenant, id) => alerts.openAlerts(tenant, id),
  countRecords: (tenant) => readings.countRecords(tenant, "reading"),
  addTask: (tenant, id) =>
    tasks.addTask(tenant, {
      taskId: id,
      agentId: id,
      kind: "ping",
      signed: { task: new Uint8Array() as never, signature: new Uint8Array() as never, keyId: "" },
      at,
      expiresAt: at,
    }),
  takeTasks: (tenant, id) => tasks.takeTasks(tenant, { agentId: id, at }),
  noteTaskResult: (tenant, id) =>
    tasks.noteTaskResult(tenant, {
      agentId: id,
      result: TaskResult.create({ taskId: id, state: TaskState.FAILED }),
      at,
    }),
  taskRows: (tenant, id) => tasks.taskRows(tenant, id),
  openTasks: (tenant, id) => tasks.openTasks(tenant, { agentId: id, at: new Date(0) }),
  claimPush: (tenant, id) => tasks.claimPush(tenant, [{ taskId: id }], { at, lostBefore: at }),
  releasePush: (tenant, id) => tasks.releasePush(tenant, { taskId: id, agentId: id }),
  maybeTaskRow: (tenant, id) => tasks.maybeTaskRow(tenant, id),
  markCancelled: (tenant, id) => tasks.markCancelled(tenant, { taskId: id, at }),
  certificateInUse: (tenant, id) => certificates.certificateInUse(tenant, id),
  addSession: (tenant, id) =>
    sessions.addSession(tenant, { ...sessionOf(crypto.randomUUID()), agent_id: id, device_id: id }),
  renewalTimes: (tenant, id) => certificates.renewalTimes(tenant, id),
  sessionRows: (tenant) => sessions.sessionRows(tenant),
  maybeSession: (tenant, id) => sessions.maybeSession(tenant, id),
  liveSessions: (tenant, id) => sessions.liveSessions(tenant, { agentId: id, at: new Date(0) }),
  useKey: (tenant, id) => sessions.useKey(tenant, { sessionId: id, keyDigest, gatewayId: "g", at: new Date(0) }),
  markOpen: (tenant, id) => sessions.markOpen(tenant, { sessionId: id, at }),
  markClosed: (tenant, id) => sessions.markClosed(tenant, { sessionId: id, at, reason: "test" }),
  noteBytes: (tenant, id) => sessions.noteBytes(tenant, { sessionId: id, toDevice: 1, fromDevice: 1 }),
  usageOf: async (tenant, id) => (await quota.usageOf(tenant, { agentId: id, at })).agentBytes,
  addUsage: (tenant, id) => quota.addUsage(tenant, { agentId: id, at, bytes: 1 }),
  lockAlerts: (tenant) => alertEvents.lockAlerts(tenant),
  addAlertEvents: (tenant, id) =>
    alertEvents.addAlertEvents(tenant, [{ at: 0, alert_id: id, event: "ended", actor: "platform", detail: {} }]),
  alertEventsAfter: (tenant) => alertEvents.alertEventsAfter(tenant, { number: 0, limit: 9 }),
  eventsOfAlert: (tenant, id) => alertEvents.eventsOfAlert(tenant, id),
  raisedRows: (tenant, id) => listAlerts.raisedRows(tenant, { now: 0, deviceId: id, explained: true }),
  openRaised: (tenant) => raisedAlerts.openRaised(tenant, { from: "", to: "~", kinds: ["deviceSilent"] }),
  openAgentAlerts: (tenant) => raisedAlerts.openAgentAlerts(tenant),
  agentCauses: async (tenant) => [...await raisedAlerts.agentCauses(tenant, 0)],
  takeSteps: (tenant) => raisedAlerts.takeSteps(tenant, [], 0),
  setAlert: (tenant, id) => raisedAlerts.setAlert(tenant, id, { ended_at: 1 }),
  levelRows: (tenant, id) => keptForecasts.levelRows(tenant, [id], 0),
  replacedRows: (tenant, id) => keptForecasts.replacedRows(tenant, [id], 0),
  forecastsOf: (tenant, id) => keptForecasts.forecastsOf(tenant, { deviceId: id, parts: [foreignDevice(id)] }, 0),
  forecastsOfDevices: async (tenant, id) => [...await keptForecasts.forecastsOfDevices(tenant, [id], 0)],
  keepForecasts: (tenant, id) => keptForecasts.keepForecasts(tenant, [id], 1),
  devicesToForecast: (tenant) => keptForecasts.devicesToForecast(tenant, { from: "", to: "~", now: 1e15 }),
  keptForecasts: async (tenant, id) => [...await keptForecasts.keptForecasts(tenant, [id])],
  emptyingIn: (tenant) => keptForecasts.emptyingIn(tenant, { from: "", to: "~", until: 1e15 }),
  emptyingRows: async (tenant) => (await keptForecasts.emptyingRows(tenant, { until: 1e15 })).rows,
  billedDevices: async (tenant) => [...(await billedDevices.billedDevices(tenant, always)).values()],
  seenElsewhere: async (tenant, id) => [...await billedDevices.seenElsewhere(tenant, [id])],
  computeRows: async (tenant, id) =>
    (await computeRows.computeRows(tenant, { ...always, deviceIds: [id], estimate: false })).rows,
  correctionRows: (tenant) => corrections.correctionRows(tenant, {}),
  withLate: (tenant, id) =>
    lateReadings.withLate(tenant, [], { ...always, siteId: "", deviceId: id, without: undefined }),
  proofLines: async (tenant, id) => {
    const { readings, batches, certificates } = await proofs.proofLines(tenant, [rowOfForeign(id)]);
    return [...readings.filter((line) => !line.includes('"missing":"notKept"')), ...batches, ...certificates];
  },
  placedReadings: async (tenant, id) => [
    ...await placedReadings.placedReadings(tenant, [{ device_id: id, at: at.getTime() }, { device_id: id, at: 0 }]),
  ],
  placedRecords: (tenant, id) => placedReadings.placedRecords(tenant, [{ device_id: id, at: at.getTime() }]),
  seriesOf: async (tenant, id) => (await series.seriesOf(tenant, { ...always, deviceIds: [id] })).series,
  basisOf: async (tenant, id) => [...await series.basisOf(tenant, { ...always, deviceIds: [id] })],
  // The owner has others than the default ones.
  settingsOf: async (tenant) => {
    const found = await billingSettings.settingsOf(tenant);
    return found === billingSettings.defaultSettings ? undefined : found;
  },
  addLines: (tenant) => statements.addLines(tenant, { number: 1, kind: "rows", lines: ["{}"] }),
  addStatement: (tenant, id) => statements.addStatement(tenant, statementOfForeign(id), new Map()),
  rowsOf: (tenant) => statements.rowsOf(tenant, 1),
  statementOf: (tenant) => statements.statementOf(tenant, 1).catch(noStatement),
  statementRecords: (tenant) => statements.statementRecords(tenant),
  storedBasis: (tenant) => statements.storedBasis(tenant, 1).catch(noStatement),
  leavesAt: (tenant, id) => batchSeals.leavesAt(tenant, [{ agent_id: id, received_at: at.getTime() }]),
  sealsBetween: (tenant, id) => batchSeals.sealsBetween(tenant, { agentId: id, from: 0, to: 1e15 }),
  noteQuotaTold: (tenant, id) => quota.noteQuotaTold(tenant, { agentId: id, at }),
};

function countsOf(id: string): listedDevices.AgentCount[] {
  return [{ agent_id: id, site_id: id, site: "berlin", found: 9, silent: 0 }];
}

/* Functions that make rows of the asking customer's own. What they make hangs on the foreign id only by its text. */
const makers = /^(add|keep|resolveOneReading|set|note(Epoch|Late|LedgerHead|Poll|QuotaTold|Run)|suspect)/;

Deno.test("every function of the store that takes a customer is probed here", () => {
  const functions = Object.values(modules).flatMap((module) => Object.entries(module))
    .filter(([, value]) => typeof value === "function" && /^(async )?function \w+\(tenant\b/.test(String(value)))
    .map(([name]) => name);
  assert.ok(functions.length > 30);
  assert.deepEqual(functions.toSorted(), Object.keys(probes).toSorted());
});

eachDatabase("ids of another customer are as good as unknown, in every function of the store", async () => {
  await using platform = await startTestPlatform();
  const owner = await customerWithEverything(platform, "Owner");
  const stranger = (await platform.customer("Stranger")).tenant.customerId;
  const before = await dump(platform.queries, owner.tenant.customerId);
  // What holds nothing of the owner would pass, whatever the functions do: customerWithEverything() has to fill it.
  assert.deepEqual(Object.keys(before).filter((table) => before[table]!.length === 0), []);
  const ids = idsIn(before, owner.tenant.customerId);
  assert.ok(ids.length >= 8, `ids of agent, site, device, task, codes and more: ${ids.length}`);
  const { store } = platform.platform, undo = new Error("undo");
  /** Makes the calls, and looks at the owner's rows after all of them; undoes them. Returns whose call ended them. */
  const probe = async (names: readonly string[], ids: readonly string[]): Promise<string | undefined> => {
    let ended: string | undefined;
    const named = names.length > 1 ? `one of ${names.join(", ")}` : `${names[0]}(${ids.join(" or ")})`;
    const probed = store.transaction(async (tx) => {
      for (const [name, id] of names.flatMap((name) => ids.map((id) => [name, id] as const))) {
        const answer = await probes[name]!(tx.tenant(stranger), id).catch((error) => {
          const refused = makers.test(name) ? /FOREIGN KEY constraint failed|violates foreign key/ : /^never$/;
          assert.match(String(error), refused, `${name}(${id})`);
          // PostgreSQL goes on with nothing after that.
          if (tx.engine === "sqlite") return;
          ended = name;
          throw undo;
        });
        const isEmpty = answer === undefined || answer === null || answer === false || answer === 0 ||
          answer === "unknown" ||
          (Array.isArray(answer) && (answer.length === 0 || name === "siteRows"));
        assert.ok(isEmpty || makers.test(name), `${name}(${id}) answered ${JSON.stringify(answer)}`);
      }
      assert.deepEqual(await dump(tx, owner.tenant.customerId), before, `${named} changed the owner's rows`);
      throw undo;
    });
    await assert.rejects(probed, undo);
    return ended;
  };
  const { true: making = [], false: others = [] } = Object.groupBy(
    Object.keys(probes),
    (name) => `${makers.test(name)}`,
  );
  await probe(others, ids).catch(async (error) => {
    // One by one, to name it.
    for (const name of others) await probe([name], ids);
    throw error;
  });
  // What a maker makes for one id, it could not make for the next one; an id of each kind will do.
  const kindOf = (id: string) => /^[a-z]{3}-/.exec(id)?.[0] ?? (store.engine === "sqlite" ? id : "");
  const alone = new Set<string>();
  for (const id of new Map(ids.map((id) => [kindOf(id), id])).values()) {
    const left = () => probe(making.filter((name) => !alone.has(name)), [id]);
    for (let ended = await left(); ended !== undefined; ended = await left()) alone.add(ended);
    for (const name of alone) await probe([name], [id]);
  }
});

eachDatabase("a query without the customer is refused", async () => {
  await using platform = await startTestPlatform();
  const { tenant } = await platform.customer("Acme");
  await assert.rejects(tenant.all("SELECT * FROM agents"), /lacks :customer/);
  await assert.rejects(tenant.run("DELETE FROM devices WHERE device_id = :customers"), /lacks :customer/);
});

eachDatabase("every table names its customer, but those that belong to nobody", async () => {
  await using platform = await startTestPlatform();
  const tables = await tablesOf(platform.queries);
  const without = [...tables.keys()].filter((table) => !tables.get(table)!.includes("customer_id"));
  assert.deepEqual(without.toSorted(), ofNobody);
});
