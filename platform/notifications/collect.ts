/**
 * Finds what has happened at a customer and puts it into the queue of each rule that wants it: what became of raised
 * alerts, by the numbers of its events, and what is so at present, such as a supply below the limit of a rule. Anyone who
 * looks holds a lock, so that of several processes one puts each in.
 */
import { alertEventsAfter, type NumberedEvent } from "../alerts/alert_events.ts";
import { limitsOf } from "../alerts/alert_limits.ts";
import { isWorse, severities, type Severity } from "../alerts/alert_rules.ts";
import { lowPercent } from "../../common/reading/low_supply.ts";
import { suppliesOf } from "../devices/device_state.ts";
import { supplyName } from "../devices/device_view.ts";
import { emptyingIn } from "../devices/kept_forecasts.ts";
import { LevelKind, type Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { newId } from "../store/new_id.ts";
import { shortText } from "../store/storable.ts";
import { takeLock, type Tenant } from "../store/store.ts";
import { dueAt } from "./plan.ts";
import type { RuleRow } from "./rules.ts";
import type { RuleEvent, RuleSettings } from "./settings.ts";

export interface ActiveRule extends Pick<RuleRow, "rule_id" | "of_site" | "since"> {
  settings: RuleSettings;
}

/** What is told of an alert, as it waits. */
export interface NewItem {
  at: number;
  event: "raised" | "ended";
  kind: string;
  severity: string;
  alert_id: string;
  subject: string;
  device_id: string;
  agent_id: string;
  description: string;
  detail: string;
}

const lot = 500, dayMs = 86_400_000;
/** Percentage points and days above a limit up to which a notified supply is not notified again. */
const margin = { percent: 5, days: 3 };
/** Of one look, rule and customer: a wrong limit is one mail, not ten thousand. */
const mostAtOnce = 2000;

/** Active rules for the customer, with its limits where a rule has none. */
async function rulesOf(tenant: Tenant): Promise<ActiveRule[]> {
  const rows = await tenant.transaction.all<RuleRow & { customer_limits: string | null; dealer_limits: string | null }>(
    `SELECT n.*, c.alert_limits AS customer_limits, d.alert_limits AS dealer_limits
     FROM notification_rules n JOIN customers c ON c.dealer_id = n.dealer_id JOIN dealers d ON d.dealer_id = c.dealer_id
     WHERE c.customer_id = :id AND c.closed_at IS NULL AND n.paused_at IS NULL
       AND (n.of_customer IS NULL OR n.of_customer = c.customer_id) ORDER BY n.rule_id`,
    { id: tenant.customerId },
  );
  return rows.map(({ customer_limits: customer, dealer_limits: dealer, ...row }) => {
    const settings: RuleSettings = JSON.parse(row.settings), own = limitsOf({ dealer, customer });
    const hasOwn = settings.percent !== undefined || settings.days !== undefined;
    return { ...row, settings: hasOwn ? settings : { ...settings, percent: own.lowPercent, days: own.emptyDays } };
  });
}

/** `isSlow`: also what needs no hurry. Returns how much there was for the rules. */
export async function collect(
  tenant: Tenant,
  { now, isSlow }: { now: number; isSlow: boolean },
): Promise<number> {
  await takeLock(tenant.transaction, `notifications ${tenant.customerId}`);
  const rules = await rulesOf(tenant);
  if (rules.length === 0) return 0;
  let count = await collectAlerts(tenant, rules, now);
  if (!isSlow) return count;
  count += await collectSupplies(tenant, rules, now);
  return count + await collectUpdates(tenant, rules, now);
}

async function addItems(tenant: Tenant, rule: ActiveRule, items: readonly NewItem[]): Promise<number> {
  if (items.length === 0) return 0;
  await tenant.insertMany(
    {
      table: "notification_items",
      key: ["item_id"],
      columns: [
        ...["item_id", "rule_id", "at", "event", "kind", "severity", "alert_id", "subject", "device_id", "agent_id"],
        ...["description", "detail", "due_at", "state"],
      ],
    },
    items.map((item) => ({
      ...item,
      item_id: newId("nti"),
      rule_id: rule.rule_id,
      description: shortText(item.description, 500),
      due_at: dueAt(item.at, item, rule.settings),
      state: "waiting",
    })),
  );
  return items.length;
}

interface AlertOf {
  alert_id: string;
  kind: string;
  severity: Severity;
  device_id: string;
  agent_id: string;
  description: string;
  detail: string;
  cause_id: string | null;
  site_id: string;
}

async function collectAlerts(tenant: Tenant, rules: readonly ActiveRule[], now: number): Promise<number> {
  let number = await startOf(tenant, Math.min(...rules.map(({ since }) => since))), count = 0;
  for (;;) {
    const events = await alertEventsAfter(tenant, { number, limit: lot });
    if (events.length === 0) break;
    number = events.at(-1)!.number;
    const alerts = await alertsOf(tenant, events);
    for (const rule of rules) {
      count += await addItems(tenant, rule, await wantedOf(tenant, rule, { events, alerts, now }));
    }
    if (events.length < lot) break;
  }
  await tenant.run(
    `INSERT INTO notification_cursors (customer_id, number, at) VALUES (:customer, :number, :now)
     ON CONFLICT (customer_id) DO UPDATE SET number = excluded.number, at = excluded.at`,
    { number, now },
  );
  return count;
}

/** Events of years before the first rule are no news. */
async function startOf(tenant: Tenant, since: number): Promise<number> {
  const known = await tenant.get<{ number: number }>(
    "SELECT number FROM notification_cursors WHERE customer_id = :customer",
  );
  if (known !== undefined) return known.number;
  const before = await tenant.get<{ number: number }>(
    "SELECT number FROM alert_events WHERE customer_id = :customer AND at < :since ORDER BY number DESC LIMIT 1",
    { since },
  );
  return before?.number ?? 0;
}

async function alertsOf(tenant: Tenant, events: readonly NumberedEvent[]): Promise<Map<string, AlertOf>> {
  const ids = [...new Set(events.map(({ alert_id }) => alert_id))];
  const rows = await tenant.allOf<AlertOf>(
    `SELECT r.alert_id, r.kind, r.severity, r.device_id, r.agent_id, r.description, r.detail, r.cause_id, g.site_id
     FROM raised_alerts r
     LEFT JOIN devices d ON d.customer_id = r.customer_id AND d.device_id = r.device_id
     JOIN agents g ON g.customer_id = r.customer_id AND g.agent_id = coalesce(d.agent_id, r.agent_id)
     WHERE r.customer_id = :customer AND r.alert_id = :alert_id`,
    ids.map((alert_id) => ({ alert_id })),
  );
  return new Map(rows.map((row) => [row.alert_id, row]));
}

/* Supplies have limits of the rule: see collectSupplies(). */
const eventOfKind: Record<string, RuleEvent> = {
  printer: "printer",
  deviceSilent: "deviceSilent",
  agentSilent: "agentSilent",
  meterFell: "meterFell",
  firmwareChanged: "firmwareChanged",
};

const isSevere = (severity: string, { severity: least }: RuleSettings) =>
  severities.indexOf(severity as Severity) <= (least === "other" ? severities.length : severities.indexOf(least));

async function wantedOf(
  tenant: Tenant,
  rule: ActiveRule,
  { events, alerts, now }: { events: readonly NumberedEvent[]; alerts: ReadonlyMap<string, AlertOf>; now: number },
): Promise<NewItem[]> {
  const { settings, of_site, since } = rule, items = new Map<string, NewItem>();
  for (const { at, alert_id, event, detail } of events) {
    const alert = alerts.get(alert_id), kind = eventOfKind[alert?.kind ?? ""];
    if (alert === undefined || kind === undefined || !settings.events.includes(kind) || at < since) continue;
    if ((of_site !== null && alert.site_id !== of_site) || alert.cause_id !== null) continue;
    const before = String(detail.before ?? ""), after = String(detail.severity ?? "");
    const isRaised = event === "raised" || (event === "changed" && isWorse(after as Severity, before as Severity));
    const isEnded = event === "ended" && settings.ends;
    const severity = isRaised ? after || alert.severity : alert.severity;
    if (!isRaised && !isEnded) continue;
    if (kind === "printer" && !isSevere(severity, settings)) continue;
    if (isEnded && !await wasTold(tenant, rule, alert_id)) continue;
    const { device_id, agent_id, description } = alert;
    // Of one alert, the last word.
    items.set(`${event === "ended"} ${alert_id}`, {
      // A clock of another process may be ahead.
      at: Math.min(at, now),
      event: isEnded ? "ended" : "raised",
      kind,
      severity,
      alert_id,
      subject: "",
      device_id,
      agent_id,
      description,
      detail: alert.detail,
    });
  }
  return [...items.values()];
}

async function wasTold(tenant: Tenant, { rule_id }: ActiveRule, alert_id: string): Promise<boolean> {
  const row = await tenant.get(
    `SELECT 1 FROM notification_items WHERE customer_id = :customer AND alert_id = :alert_id AND rule_id = :rule_id
       AND event = 'raised' AND state = 'told' LIMIT 1`,
    { alert_id, rule_id },
  );
  return row !== undefined;
}

/** Present conditions by key; `isFading`: beyond the limit no more, but not clearly recovered either. */
interface Found extends Omit<NewItem, "at" | "event" | "alert_id"> {
  isFading: boolean;
}

/** Tells what is new among what was found, and forgets what is over. */
async function tellNew(
  tenant: Tenant,
  rule: ActiveRule,
  { found, prefix, now }: { found: readonly Found[]; prefix: string; now: number },
): Promise<number> {
  const told = new Set(
    (await tenant.all<{ subject: string }>(
      "SELECT subject FROM notification_told WHERE customer_id = :customer AND rule_id = :rule_id",
      { rule_id: rule.rule_id },
    )).flatMap(({ subject }) => subject.startsWith(prefix) ? [subject] : []),
  );
  const there = new Set(found.map(({ subject }) => subject));
  for (const subject of told) {
    if (there.has(subject)) continue;
    await tenant.run(
      "DELETE FROM notification_told WHERE customer_id = :customer AND rule_id = :rule_id AND subject = :subject",
      { rule_id: rule.rule_id, subject },
    );
  }
  const fresh = found.filter(({ subject, isFading }) => !isFading && !told.has(subject)).slice(0, mostAtOnce);
  await tenant.insertMany(
    { table: "notification_told", key: ["rule_id", "subject"], columns: ["rule_id", "subject", "at"] },
    fresh.map(({ subject }) => ({ rule_id: rule.rule_id, subject, at: now })),
  );
  return await addItems(
    tenant,
    rule,
    fresh.map(({ isFading: _, ...item }) => ({ ...item, at: now, event: "raised", alert_id: "" })),
  );
}

interface LowSupply {
  device_id: string;
  agent_id: string;
  site_id: string;
  supply: string;
  name: string;
  partNumber: string | null;
  percent: number | undefined;
  emptiesAt: number | undefined;
}

async function collectSupplies(tenant: Tenant, rules: readonly ActiveRule[], now: number): Promise<number> {
  const wanting = rules.filter(({ settings }) => settings.events.includes("supply"));
  if (wanting.length === 0) return 0;
  const mostDays = Math.max(...wanting.map(({ settings }) => settings.days ?? 0));
  const supplies = await lowSupplies(tenant, {
    percent: Math.max(...wanting.map(({ settings }) => settings.percent ?? 0)),
    until: mostDays === 0 ? undefined : now + (mostDays + margin.days) * dayMs,
  });
  let count = 0;
  for (const rule of wanting) {
    const { settings: { percent, days }, of_site } = rule;
    const found = supplies.flatMap((supply): Found[] => {
      if (of_site !== null && supply.site_id !== of_site) return [];
      const within = (more: { percent: number; days: number }) =>
        (percent !== undefined && supply.percent !== undefined && supply.percent <= percent + more.percent) ||
        (days !== undefined && supply.emptiesAt !== undefined && supply.emptiesAt <= now + (days + more.days) * dayMs);
      if (!within(margin)) return [];
      const { device_id, agent_id, partNumber, emptiesAt } = supply;
      return [{
        kind: "supply",
        severity: supply.percent === 0 ? "critical" : "warning",
        subject: `supply ${device_id} ${supply.supply}`,
        device_id,
        agent_id,
        description: supply.name,
        detail: JSON.stringify({ partNumber, percent: supply.percent ?? null, emptiesAt: emptiesAt ?? null }),
        isFading: !within({ percent: 0, days: 0 }),
      }];
    });
    count += await tellNew(tenant, rule, { found, prefix: "supply ", now });
  }
  return count;
}

/** Supplies that may be at `percent` or nearly, or be empty by `until`; of parts of a device, the whole alone. */
async function lowSupplies(
  tenant: Tenant,
  { percent, until }: { percent: number; until: number | undefined },
): Promise<LowSupply[]> {
  const low = await statesAtMost(tenant, percent);
  // A supply just above the limit is still the one that was notified.
  const known = new Set(low.map(({ device_id }) => device_id));
  const told = await tenant.all<{ subject: string }>(
    "SELECT DISTINCT subject FROM notification_told WHERE customer_id = :customer AND subject LIKE 'supply %'",
  );
  const others = new Set(told.map(({ subject }) => subject.split(" ")[1]!).filter((id) => !known.has(id)));
  const rows = [
    ...low,
    ...await tenant.allOf<SuppliesRow>(
      "SELECT device_id, supplies FROM device_state WHERE customer_id = :customer AND device_id = :device_id",
      [...others].map((device_id) => ({ device_id })),
    ),
  ];
  const emptying = until === undefined ? [] : await emptyingIn(tenant, { from: "", to: "~", until });
  const places = new Map(
    (await tenant.allOf<{ device_id: string; agent_id: string; site_id: string }>(
      `SELECT d.device_id, d.agent_id, g.site_id FROM devices d
       JOIN agents g ON g.customer_id = d.customer_id AND g.agent_id = d.agent_id
       JOIN sites l ON l.customer_id = g.customer_id AND l.site_id = g.site_id AND l.closed_at IS NULL
       WHERE d.customer_id = :customer AND d.device_id = :device_id AND d.merged_into IS NULL`,
      [...new Set([...rows, ...emptying].map(({ device_id }) => device_id))].map((device_id) => ({ device_id })),
    )).map((row) => [row.device_id, row]),
  );
  const found = new Map<string, LowSupply>();
  for (const row of rows) {
    const place = places.get(row.device_id);
    if (place === undefined) continue;
    for (const supply of suppliesOf(row)) {
      const { index, partNumber = null } = supply;
      found.set(`${row.device_id} ${index}`, {
        ...place,
        supply: index,
        name: supplyName(supply),
        partNumber,
        percent: percentOf(supply),
        emptiesAt: undefined,
      });
    }
  }
  for (const { device_id, supply, name, part_number, empties_at } of emptying) {
    const place = places.get(device_id), key = `${device_id} ${supply}`;
    if (place === undefined || empties_at === null) continue;
    found.set(key, {
      ...(found.get(key) ?? { ...place, supply, name, partNumber: part_number, percent: undefined }),
      emptiesAt: empties_at,
    });
  }
  return [...found.values()];
}

interface SuppliesRow {
  device_id: string;
  supplies: Uint8Array | null;
}

/** Of devices of which a supply is at `percent`, or nearly. */
async function statesAtMost(tenant: Tenant, percent: number): Promise<SuppliesRow[]> {
  if (percent <= lowPercent) {
    return await tenant.all("SELECT device_id, supplies FROM device_state WHERE customer_id = :customer AND low > 0");
  }
  // Above what every list calls low, no index knows them.
  const found: SuppliesRow[] = [];
  for (let from = "";;) {
    const rows = await tenant.all<SuppliesRow>(
      `SELECT device_id, supplies FROM device_state WHERE customer_id = :customer AND device_id > :from
       ORDER BY device_id LIMIT ${lot}`,
      { from },
    );
    const isNearly = (supply: Supply) => (percentOf(supply) ?? 100) <= percent + margin.percent;
    found.push(...rows.filter((row) => suppliesOf(row).some(isNearly)));
    if (rows.length < lot) return found;
    from = rows.at(-1)!.device_id;
  }
}

function percentOf({ level }: Supply): number | undefined {
  if (level?.kind === LevelKind.EMPTY) return 0;
  return level?.kind === LevelKind.EXACT ? level.percent : undefined;
}

/** Once for each agent and version; failures from before the rule was made are left out. */
async function collectUpdates(tenant: Tenant, rules: readonly ActiveRule[], now: number): Promise<number> {
  const wanting = rules.filter(({ settings }) => settings.events.includes("updateFailed"));
  if (wanting.length === 0) return 0;
  const rows = await tenant.all<
    { agent_id: string; version: string; message: string; failed_at: number; hostname: string | null; site_id: string }
  >(
    `SELECT u.agent_id, u.version, u.message, u.failed_at, g.hostname, g.site_id FROM agent_updates u
     JOIN agents g ON g.customer_id = u.customer_id AND g.agent_id = u.agent_id
     WHERE u.customer_id = :customer AND u.failed_at IS NOT NULL AND g.state = 'active' ORDER BY u.failed_at`,
  );
  let count = 0;
  for (const rule of wanting) {
    const found = rows.flatMap(({ agent_id, version, message, failed_at, hostname, site_id }): Found[] => {
      if (failed_at < rule.since || (rule.of_site !== null && site_id !== rule.of_site)) return [];
      return [{
        kind: "updateFailed",
        severity: "warning",
        subject: `update ${agent_id} ${version}`,
        device_id: "",
        agent_id,
        description: hostname ?? "",
        detail: JSON.stringify({ version, message }),
        isFading: false,
      }];
    });
    count += await tellNew(tenant, rule, { found, prefix: "update ", now });
  }
  return count;
}
