/** Two customers of a dealer with agents and devices, whose alerts a test raises and ends, by a clock of its own. */
import { addAgent } from "../../platform/agents/agents.ts";
import { lockAlerts } from "../../platform/alerts/alert_events.ts";
import type { OpenAlert, Severity } from "../../platform/alerts/alert_rules.ts";
import { openRaised, takeSteps } from "../../platform/alerts/raised_alerts.ts";
import { createSite } from "../../platform/customers/customers.ts";
import { createRule, type RuleWish } from "../../platform/notifications/rules.ts";
import { defaultRule, type RuleSettings } from "../../platform/notifications/settings.ts";
import { lookAtNotifications } from "../../platform/notifications/start_notifications.ts";
import { noteSent, takeMail, type TakenMail } from "../../platform/mail/mail_queue.ts";
import { setPortalOrigin } from "../../platform/users/manage_users.ts";
import { setMail } from "../../platform/users/user_mails.ts";
import type { Tenant } from "../../platform/store/store.ts";
import { operator, type UsersScene, usersScene } from "./users_fixture.ts";

export const portal = "https://portal.example.com";

export interface Place {
  tenant: Tenant;
  customerId: string;
  agentId: string;
  deviceId: string;
}

export interface NotificationScene extends UsersScene {
  /** Acme in Berlin, Acme in Bonn, and another customer of the dealer. */
  berlinPlace: Place;
  bonn: string;
  bonnPlace: Place;
  otherPlace: Place;
  foreignPlace: Place;
  /** Sets the clock. */
  goTo(time: string): void;
  raise(
    place: Place,
    parts?: { severity?: Severity; description?: string; kind?: string; key?: string },
  ): Promise<void>;
  /** All open alerts of a place. */
  endAll(place: Place): Promise<void>;
  rule(parts?: Partial<Omit<RuleWish, "settings">> & Parts, settings?: Partial<RuleSettings>): Promise<string>;
  look(isSlow?: boolean): Promise<number>;
  /** What waits to be sent, which counts as sent. */
  mails(): Promise<TakenMail[]>;
  /** What is due to be sent, which is tried now. */
  tried(): Promise<TakenMail[]>;
}

interface Parts {
  customer?: string;
  site?: string;
}

/** An agent and its device at a site, both named by the number. */
async function makePlace(
  { queries, clock }: UsersScene,
  { customerId, siteId, n }: { customerId: string; siteId: string; n: number },
): Promise<Place> {
  const tenant = queries.tenant(customerId);
  const installationId = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  const agent = { siteId, installationId, hostname: `host${n}`, version: "1", at: clock.now() };
  const agentId = await addAgent(tenant, agent);
  const deviceId = `dev-00000000000${n}`;
  await tenant.run(
    `INSERT INTO devices (customer_id, device_id, agent_id, address, network, manufacturer, model, serial, state, first_seen_at,
       last_seen_at) VALUES (:customer, :deviceId, :agentId, :address, 'office', 'Example', 'LX-100', :serial, 'online', 0, :now)`,
    { deviceId, agentId, address: `10.1.0.${n}`, serial: `SERIAL${n}`, now: clock.now().getTime() },
  );
  return { tenant, customerId, agentId, deviceId };
}

export async function notificationScene(): Promise<NotificationScene> {
  const scene = await usersScene(), { platform, clock } = scene;
  await setPortalOrigin(platform, portal);
  await platform.store.transaction((tx) => setMail(tx, "dca@partner.example"));
  let count = 0;
  const place = (customerId: string, siteId: string) => makePlace(scene, { customerId, siteId, n: ++count });
  const site = async (tenant: string, name: string) =>
    (await createSite(platform, { ...operator, tenant }, { name })).site_id;
  const bonn = await site(scene.acme, "Bonn");
  const withAlerts = (customerId: string, change: (tenant: Tenant) => Promise<unknown>) =>
    platform.store.transaction(async (tx) => {
      const tenant = tx.tenant(customerId);
      await lockAlerts(tenant);
      await change(tenant);
    });
  let keys = 0;
  const tried = async () => {
    const taken: TakenMail[] = [];
    for (;;) {
      const mail = await takeMail(platform.store, { pepper: platform.pepper, at: clock.now() });
      if (mail === undefined) return taken;
      taken.push(mail);
    }
  };
  return {
    ...scene,
    bonn,
    berlinPlace: await place(scene.acme, scene.berlin),
    bonnPlace: await place(scene.acme, bonn),
    otherPlace: await place(scene.other, await site(scene.other, "Hamburg")),
    foreignPlace: await place(scene.foreign, await site(scene.foreign, "Rome")),
    goTo: (time) => clock.advance(Date.parse(time) - clock.now().getTime()),
    async raise(
      { customerId, agentId, deviceId },
      { severity = "warning", description = "Jam", kind = "printer", key } = {},
    ) {
      const now = clock.now().getTime();
      const condition = {
        kind: kind as OpenAlert["kind"],
        device_id: kind === "agentSilent" ? "" : deviceId,
        agent_id: agentId,
        alert_key: key ?? `key ${++keys}`,
        alert_group: "",
        severity,
        description,
        began_at: now,
        detail: {},
      };
      await withAlerts(customerId, (tenant) => takeSteps(tenant, [{ do: "raise", condition }], now));
    },
    async endAll({ customerId }) {
      const now = clock.now().getTime();
      const kinds = ["printer", "deviceSilent", "meterFell", "firmwareChanged"];
      await withAlerts(customerId, async (tenant) => {
        const open = await openRaised(tenant, { from: "", to: "~", kinds });
        await takeSteps(tenant, open.map((alert) => ({ do: "end", alert, at: now, reason: "a test" })), now);
      });
    },
    async rule({ customer, site, ...wish } = {}, settings = {}) {
      const made = await createRule(platform, operator, {
        name: "Printers",
        users: [],
        emails: ["desk@partner.example"],
        dealer: "Print Partner",
        customer,
        site,
        ...wish,
        settings: { ...defaultRule, ...settings },
      });
      return made.ruleId;
    },
    look: (isSlow = false) => lookAtNotifications(platform, { isSlow }),
    async mails() {
      const mails = await tried();
      for (const { mailId } of mails) await noteSent(platform.store, mailId);
      return mails;
    },
    tried,
  };
}
