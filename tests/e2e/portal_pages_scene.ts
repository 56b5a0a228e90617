/** A portal with something on each of its pages, and the address of a page for each route. */
import { Buffer } from "node:buffer";
import { AlertSeverity, LevelKind, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { type SignedTask, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { askForTask } from "../../platform/access/approvals.ts";
import { addSession } from "../../platform/access/sessions.ts";
import { createCode } from "../../platform/agents/activation_codes.ts";
import { watchAlerts } from "../../platform/alerts/alert_watch.ts";
import { correctMeter } from "../../platform/billing/corrections.ts";
import { makeStatement } from "../../platform/billing/make_statement.ts";
import { changeBillingSettings } from "../../platform/billing/settings.ts";
import { addSamples } from "../../platform/devices/samples.ts";
import { createFeed } from "../../platform/feeds/feeds.ts";
import { createWebhook, testWebhook } from "../../platform/interfaces/webhooks.ts";
import { createRule, listRules } from "../../platform/notifications/rules.ts";
import { defaultRule } from "../../platform/notifications/settings.ts";
import { stopPathOf } from "../../platform/notifications/stop_links.ts";
import { addProvider } from "../../platform/sso/manage_providers.ts";
import { setApprovalRules } from "../../platform/tasks/approval_rules.ts";
import { addTask, noteTaskResult } from "../../platform/tasks/tasks.ts";
import { publishText, signAgreement } from "../../platform/trust/agreements.ts";
import { addDocument } from "../../platform/trust/documents.ts";
import { stateRegion } from "../../platform/trust/region.ts";
import { inviteUser } from "../../platform/users/manage_users.ts";
import { saveOwnRole } from "../../platform/users/own_roles.ts";
import { setMail } from "../../platform/users/user_mails.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { createSamlPeer } from "../fixtures/saml_peer.ts";
import type { PortalScene } from "../platform/portal_scene.ts";
import { sessionOf } from "../platform/tenant_scene.ts";
import { operator } from "../platform/users_fixture.ts";

const dayMs = 86_400_000;

const supply = (index: number, colorant: string, percent: number) => ({
  index: `1.${index}`,
  kind: "toner",
  colorant,
  description: `${colorant} toner`,
  partNumber: `TN-${index}`,
  level: { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" },
});

/** The first is low on black toner; the second is jammed. */
export function printers(count: number): Reading[] {
  return Array.from({ length: count }, (_, n) => ({
    ...readingOf({
      address: `10.1.0.${n + 1}`,
      serial: `SER${10_000 + n}`,
      total: 1000 * (n + 1),
      model: `LX-${100 + n}`,
    }),
    supplies: [
      supply(1, "black", 4 + n * 13 % 90),
      supply(2, "cyan", 61),
      supply(3, "magenta", 35),
      supply(4, "yellow", 88),
    ],
    alerts: n !== 1 ? [] : [{
      severity: AlertSeverity.CRITICAL,
      code: 8,
      group: "mediaPath",
      description: "Paper jam in tray 1",
      since: undefined,
    }],
  } as unknown as Reading));
}

interface Known {
  device: string;
  agent: string;
}

/** Addresses by the route's path; what comes after the first is the same page with other contents. */
export async function fullScene(scene: PortalScene, { signer }: { signer: string }): Promise<Record<string, string[]>> {
  const [device] = await scene.devices(scene.acme, scene.berlin, printers(12));
  const { agent_id: agent } = (await scene.platform.queries.tenant(scene.acme).get<{ agent_id: string }>(
    "SELECT agent_id FROM agents WHERE customer_id = :customer",
  ))!;
  const known = { device: device!, agent };
  const ofCustomer = {
    ...fleetPaths(known),
    ...await workPaths(scene, known),
    ...await approvalPaths(scene, known),
    ...await billingPaths(scene, known),
  };
  const root = "/customers/:customer/";
  return {
    ...Object.fromEntries(
      Object.entries(ofCustomer).map(([path, shown]) => [
        root + path,
        shown.map((each) => `${root.replace(":customer", scene.acme)}${each}`),
      ]),
    ),
    ...await peoplePaths(scene),
    ...await trustPaths(scene, signer),
    ...await notificationPaths(scene),
  };
}

function fleetPaths({ device, agent }: Known): Record<string, string[]> {
  return {
    devices: ["devices", "devices?model=nothing"],
    "devices/:device": [`devices/${device}`],
    "devices/:device{dev-[^/.]+\\.json}": [`devices/${device}.json`],
    "devices/:device/history.json": [`devices/${device}/history.json`],
    supplies: ["supplies", "supplies?view=days&within=90"],
    alerts: ["alerts", "alerts?view=reported"],
    "alert-limits": ["alert-limits"],
    agents: ["agents"],
    "agents/:agent": [`agents/${agent}`],
    "agents/:agent/configuration": [`agents/${agent}/configuration`],
    updates: ["updates"],
    sites: ["sites"],
  };
}

async function workPaths(scene: PortalScene, { device, agent }: Known): Promise<Record<string, string[]>> {
  const { platform, queries } = scene.platform, tenant = queries.tenant(scene.acme), at = platform.clock.now();
  await watchAlerts(platform, { isSlow: true });
  const alert = await tenant.get<{ alert_id: string }>(
    "SELECT alert_id FROM raised_alerts WHERE customer_id = :customer ORDER BY alert_id",
  );
  await createCode(platform, { ...operator, tenant: scene.acme }, { site: "Berlin", validMs: dayMs });
  const signed = { task: new Uint8Array(1), signature: new Uint8Array(64), keyId: "k" } as unknown as SignedTask;
  await addTask(tenant, { taskId: "tsk-1", agentId: agent, kind: "diagnostics", signed, at, expiresAt: at });
  const result = TaskResult.fromPartial({
    taskId: "tsk-1",
    state: TaskState.SUCCEEDED,
    output: { $case: "diagnostics", value: { bundle: Buffer.alloc(3) } },
  });
  await noteTaskResult(tenant, { agentId: agent, result, at });
  const session = "ses-000000000001", endsAt = new Date(at.getTime() + 900_000);
  await addTask(tenant, {
    taskId: "tsk-2",
    agentId: agent,
    kind: "openWebAccess",
    signed,
    at,
    expiresAt: endsAt,
  });
  await addSession(tenant, {
    ...sessionOf(session),
    agent_id: agent,
    device_id: device,
    task_id: "tsk-2",
    at,
    endsAt,
  });
  return {
    "alerts/:alert": [`alerts/${alert!.alert_id}`],
    tasks: ["tasks"],
    "tasks/:task": ["tasks/tsk-1"],
    "tasks/:task/archive": ["tasks/tsk-1/archive"],
    sessions: ["sessions"],
    "sessions/:session": [`sessions/${session}`],
    codes: ["codes"],
    unlock: ["unlock"],
  };
}

/** Somebody else asks for two things; one of them was refused. */
async function approvalPaths(scene: PortalScene, { agent }: Known): Promise<Record<string, string[]>> {
  const { platform, queries } = scene.platform, tenant = scene.acme;
  await setApprovalRules(platform, { ...operator, tenant }, { kinds: ["ping", "openWebAccess"] });
  const by = { actor: { kind: "user" as const, name: "maximilian.technician@partner.example" }, tenant };
  const ids: string[] = [];
  for (const target of ["10.1.0.7", "10.1.0.8"]) {
    const payload = { $case: "ping" as const, value: { target, count: 1 } };
    const asked = await askForTask(platform, by, { agentId: agent, payload, validMs: 60_000 });
    if ("requestId" in asked) ids.push(asked.requestId);
  }
  await queries.tenant(tenant).run(
    `UPDATE approval_requests SET state = 'refused', decided_by = 'operator:eva', decided_at = asked_at
     WHERE customer_id = :customer AND request_id = :id`,
    { id: ids[1]! },
  );
  return { approvals: ["approvals"], "approvals/:approval": ids.map((id) => `approvals/${id}`) };
}

async function billingPaths(scene: PortalScene, { device }: Known): Promise<Record<string, string[]>> {
  const { platform, queries } = scene.platform, by = { ...operator, tenant: scene.acme };
  const first = Temporal.Now.plainDateISO("UTC").subtract({ months: 1 }).with({ day: 1 });
  const begin = first.toZonedDateTime("UTC").epochMilliseconds;
  for (const [i, value] of [500, 600, 20, 90].entries()) {
    await addSamples(queries.tenant(scene.acme), [{
      deviceId: device,
      at: begin + (i * 6 - 1) * dayMs,
      isLate: true,
      samples: [{ kind: "meter", name: "total", value, unit: "impressions", level: "" }],
    }]);
  }
  await changeBillingSettings(platform, by, {
    zone: "Europe/Berlin",
    schedule: { day: 9, recipients: ["accounts@example.com"], forms: ["pdf"] },
  });
  await correctMeter(platform, by, {
    device,
    meter: "total",
    from: new Date(begin),
    until: new Date(begin + dayMs),
    pages: 7,
    reason: "test prints",
  });
  const toDay = first.add({ months: 1 }).subtract({ days: 1 }).toString();
  const { number } = await makeStatement(platform, by, { fromDay: first.toString(), toDay });
  return {
    billing: [`billing?month=${first.toString().slice(0, 7)}`],
    "billing/:number": [`billing/${number}`],
    "billing/:number/:form": [`billing/${number}/csv`],
    "billing-settings": ["billing-settings"],
    corrections: ["corrections"],
  };
}

async function peoplePaths({ platform: { platform } }: PortalScene): Promise<Record<string, string[]>> {
  const dealer = "Print Partner";
  const { providerId } = await addProvider(platform, operator, {
    kind: "ldap",
    name: "Example",
    dealer,
    // Nobody asks it.
    isShown: false,
    settings: {
      servers: "ldaps://dc1.example.test",
      base: "DC=example,DC=test",
      account: "opendca@example.test",
      password: "x",
    },
  });
  const { settings } = await createSamlPeer();
  const shown = { kind: "saml", name: "Example head office", dealer, isShown: true, settings } as const;
  const { providerId: saml } = await addProvider(platform, operator, shown);
  const { roleId } = await saveOwnRole(platform, operator, {
    name: "Service desk",
    permissions: ["readFleet", "runTasks"],
    dealer,
  });
  const { token } = await inviteUser(platform, operator, {
    email: "ann@partner.example",
    name: "Ann",
    dealer,
    grants: [{ role: "viewer" }],
  });
  return {
    "/": ["/"],
    "/devices": ["/devices?q=192", "/devices?q=10.1"],
    "/alert-limits": ["/alert-limits"],
    "/customers": ["/customers"],
    "/users": ["/users"],
    "/roles": ["/roles"],
    "/roles/:role": [`/roles/${roleId}`],
    "/audit": ["/audit", "/audit?of=users"],
    "/account": ["/account"],
    "/account/app": ["/account/app"],
    "/account/passkeys/new": ["/account/passkeys/new"],
    "/account/tokens": ["/account/tokens"],
    "/identity-providers": ["/identity-providers"],
    "/identity-providers/new/:kind": ["oidc", "saml", "ldap"].map((kind) => `/identity-providers/new/${kind}`),
    "/identity-providers/:provider": [`/identity-providers/${providerId}`, `/identity-providers/${saml}`],
    "/confirm": ["/confirm"],
    "/confirm/kept": ["/confirm/kept"],
    "/confirm/with/:provider": [`/confirm/with/${providerId}`],
    "/sign-in": ["/sign-in"],
    "/forgot": ["/forgot"],
    "/link/:token": [`/link/${token}`],
    "/sign-in/with/:provider": [`/sign-in/with/${providerId}`],
    "/sign-in/link/:provider": [`/sign-in/link/${providerId}`],
    "/sign-in/windows/:provider": [`/sign-in/windows/${providerId}`],
    "/sign-in/oidc/:provider": [`/sign-in/oidc/${providerId}`],
    "/sign-in/saml/:provider/done": [`/sign-in/saml/${saml}/done`],
    "/sign-in/saml/:provider/metadata": [`/sign-in/saml/${saml}/metadata`],
    "/sign-out/saml/:provider": [`/sign-out/saml/${saml}`],
  };
}

async function trustPaths(
  { platform: { platform, queries } }: PortalScene,
  signer: string,
): Promise<Record<string, string[]>> {
  const text = { kind: "nda", version: "2026-1", language: "en", body: "Keep it secret.\n".repeat(40) } as const;
  await publishText(platform, operator, text);
  await addDocument(platform, operator, {
    title: "SOC 2 Type 2 report 2026",
    kind: "report",
    fileName: "soc2.pdf",
    content: new Uint8Array(1),
    needsNda: true,
  });
  const { document_id: open } = await addDocument(platform, operator, {
    title: "ISO/IEC 27001 certificate",
    kind: "certificate",
    fileName: "iso27001.pdf",
    content: new Uint8Array(1),
    needsNda: false,
  });
  await stateRegion(platform, operator, "eu-central-1");
  await createFeed(platform, operator, {
    kind: "mqtt",
    address: "mqtts://broker-of-the-head-office.invalid:8883",
    customer: "Acme",
  });
  const { sha256 } = await publishText(platform, operator, { ...text, kind: "dpa" });
  const user = await queries.get<{ user_id: string; dealer_id: string }>(
    "SELECT user_id, dealer_id FROM users WHERE email = :signer",
    { signer },
  );
  const { signature_id: signature } = await signAgreement(platform, operator, {
    kind: "dpa",
    party: { dealerId: user!.dealer_id, customerId: undefined },
    textSha256: sha256,
    userId: user!.user_id,
    typedName: "Eva",
    capacity: "director",
    source: "10.0.0.1",
    browser: "Chromium",
    proof: "password",
  });
  return {
    "/trust": ["/trust"],
    "/trust/agreements/:kind": ["/trust/agreements/nda"],
    "/trust/documents/:document": [`/trust/documents/${open}`],
    "/trust/signatures/:signature": [`/trust/signatures/${signature}`],
    "/trust/signatures/:signature/pdf": [`/trust/signatures/${signature}/pdf`],
    "/data": ["/data"],
    "/feeds": ["/feeds"],
  };
}

async function notificationPaths({ platform: { platform, queries } }: PortalScene): Promise<Record<string, string[]>> {
  await platform.store.transaction((tx) => setMail(tx, "dca@partner.example"));
  const { ruleId } = await createRule(platform, operator, {
    name: "Service desk",
    dealer: "Print Partner",
    settings: defaultRule,
    users: [],
    emails: ["desk@partner.example"],
  });
  const { webhookId } = await createWebhook(platform, operator, {
    dealer: "Print Partner",
    url: "https://hooks.example.com/opendca",
    description: "ERP",
    events: ["alert.raised"],
  });
  await testWebhook(platform, operator, { webhookId });
  await queries.run("UPDATE webhook_deliveries SET state = 'dead', failure = 'the receiver answered 500'");
  const { recipientId } = (await listRules(platform, operator))[0]!.recipients[0]!;
  return {
    "/notifications": ["/notifications"],
    "/notifications/:rule": [`/notifications/${ruleId}`],
    "/notification-stop/:recipient/:proof": [stopPathOf(recipientId, platform.pepper)],
    "/webhooks": ["/webhooks"],
    "/webhooks/:webhook": [`/webhooks/${webhookId}`],
  };
}
