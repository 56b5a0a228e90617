/** Customers at a glance, by what needs attention first. */
import { isLate } from "../../agents/agent_health.ts";
import { listAgents } from "../../agents/manage_agents.ts";
import { type FleetCounts, fleetCounts } from "../../devices/fleet_counts.ts";
import { listDevices } from "../../devices/list_devices.ts";
import { rootOf } from "../page/customer_page.tsx";
import { type ColumnOf, pageOf, Table } from "../page/layout.tsx";
import type { UserRequest, VisibleCustomer } from "../page/route.ts";
import type { Key } from "../words/words.ts";

interface Glance extends FleetCounts {
  customer: VisibleCustomer;
}

const noCounts: FleetCounts = { devices: 0, silent: 0, low: 0, agents: 0, silentAgents: 0 };

/** Of a customer of whom the viewer may see some sites only. */
async function glanceAtSites({ platform, by }: UserRequest, customer: VisibleCustomer): Promise<Glance> {
  const tenantBy = { ...by, tenant: customer.customerId }, now = platform.clock.now().getTime();
  const glance = { ...noCounts, customer };
  for (const site of customer.sites === "all" ? [] : customer.sites) {
    const { counts } = await listDevices(platform, tenantBy, { site, limit: 1 });
    const agents = (await listAgents(platform, tenantBy, { site })).filter(({ state }) => state === "active");
    glance.devices += counts.found;
    glance.silent += counts.silent;
    glance.low += counts.low;
    glance.agents += agents.length;
    glance.silentAgents += agents.filter((row) => isLate(row, now)).length;
  }
  return glance;
}

/** Those with silent agents first, as their devices are not seen either; then by what is low or silent. */
export function byAttention(a: Glance, b: Glance): number {
  return b.silentAgents - a.silentAgents || b.low - a.low || b.silent - a.silent ||
    (a.customer.name.toLowerCase() < b.customer.name.toLowerCase() ? -1 : 1);
}

export async function overview(request: UserRequest) {
  const { t, formats, customers, platform, by, viewer } = request;
  const glances: Glance[] = [];
  const counts = customers.some(({ sites }) => sites === "all")
    ? await fleetCounts(platform, by, { dealerId: viewer.dealerId })
    : new Map<string, FleetCounts>();
  for (const customer of customers) {
    const ofAll = { ...noCounts, ...counts.get(customer.customerId), customer };
    glances.push(customer.sites === "all" ? ofAll : await glanceAtSites(request, customer));
  }
  glances.sort(byAttention);
  const sum = (of: (glance: Glance) => number) => formats.number(glances.reduce((all, one) => all + of(one), 0));
  const number = (heading: Key, of: (glance: Glance) => number, path: string, isBad = true): ColumnOf<Glance> => ({
    heading: t(heading),
    isNumber: true,
    cell: (glance) => {
      const value = of(glance);
      if (value === 0) return "0";
      return (
        <a class={isBad ? "warn" : undefined} href={`${rootOf(glance.customer)}/${path}`}>{formats.number(value)}</a>
      );
    },
  });
  return pageOf(request, {
    title: t("overview"),
    children: glances.length === 0 ? <p>{t("noCustomers")}</p> : (
      <>
        <ul class="cards">
          <li>
            <strong>{sum(({ devices }) => devices)}</strong> {t("devices")}
          </li>
          <li>
            <strong>{sum(({ low }) => low)}</strong> {t("lowDevices")}
          </li>
          <li>
            <strong>{sum(({ silent }) => silent)}</strong> {t("silentDevices")}
          </li>
          <li>
            <strong>{sum(({ silentAgents }) => silentAgents)}</strong> {t("silentAgents")}
          </li>
        </ul>
        <h2>{t("customers")}</h2>
        <Table
          rows={glances}
          empty={t("none")}
          caption={t("customers")}
          isTitled
          columns={[
            {
              heading: t("customer"),
              cell: ({ customer }) => <a href={`${rootOf(customer)}/devices`}>{customer.name}</a>,
            },
            number("devices", ({ devices }) => devices, "devices", false),
            number("lowDevices", ({ low }) => low, "supplies"),
            number("silentDevices", ({ silent }) => silent, "devices?silent=1"),
            number("agents", ({ agents }) => agents, "agents", false),
            number("silentAgents", ({ silentAgents }) => silentAgents, "agents?silent=1"),
          ]}
        />
      </>
    ),
  });
}
