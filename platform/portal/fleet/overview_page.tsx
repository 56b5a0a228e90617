/** Customers at a glance, by what needs attention first. */
import { type CustomerCounts, type FleetCounts, fleetCounts, noCounts } from "../../devices/fleet_counts.ts";
import { emptyingCounts } from "../../devices/list_forecasts.ts";
import { rootOf } from "../page/customer_page.tsx";
import { type ColumnOf, pageOf, Table } from "../page/layout.tsx";
import type { UserRequest, VisibleCustomer } from "../page/route.ts";
import { FindForm } from "./find_page.tsx";
import { waitingForViewer } from "../page/waiting_approvals.ts";
import type { Key } from "../words/words.ts";

interface Glance extends FleetCounts {
  customer: VisibleCustomer;
  /** Supplies that will be empty within a week. */
  emptying: number;
}

/** What the viewer may see of a customer: all of it, or some sites. */
function glanceOf(customer: VisibleCustomer, counts: CustomerCounts | undefined, emptying = 0): Glance {
  if (customer.sites === "all" || counts === undefined) return { ...noCounts, ...counts, emptying, customer };
  const glance = { ...noCounts, emptying, customer };
  for (const site of customer.sites) {
    const ofSite = counts.sites.get(site) ?? noCounts;
    for (const name of Object.keys(noCounts) as (keyof FleetCounts)[]) glance[name] += ofSite[name];
  }
  return glance;
}

/** Those with silent agents first, as their devices are not seen either; then by what is low or silent. */
export function byAttention(a: Glance, b: Glance): number {
  return b.silentAgents - a.silentAgents || b.low - a.low || b.silent - a.silent ||
    (a.customer.name.toLowerCase() < b.customer.name.toLowerCase() ? -1 : 1);
}

/** People wait for it, so it comes first. */
function Waiting({ request: { t, formats }, asked }: {
  request: UserRequest;
  asked: readonly { customer: VisibleCustomer; count: number }[];
}) {
  if (asked.length === 0) return null;
  return (
    <div class="message good">
      <p>{t("approvalsForYou", { count: asked.reduce((all, { count }) => all + count, 0) })}</p>
      <ul class="row plain">
        {asked.map(({ customer, count }) => (
          <li>
            <a href={`${rootOf(customer)}/approvals`}>{customer.name}: {formats.number(count)}</a>
          </li>
        ))}
      </ul>
    </div>
  );
}

const cards: readonly { key: Key; of: (glance: Glance) => number }[] = [
  { key: "cardDevices", of: ({ devices }) => devices },
  { key: "cardLow", of: ({ low }) => low },
  { key: "cardEmptying", of: ({ emptying }) => emptying },
  { key: "cardSilent", of: ({ silent }) => silent },
  { key: "cardSilentAgents", of: ({ silentAgents }) => silentAgents },
];

export async function overview(request: UserRequest) {
  const { t, formats, customers, platform, by, viewer } = request;
  const sites = new Map(customers.flatMap(({ customerId, sites }) => sites === "all" ? [] : [[customerId, sites]]));
  const counts = await fleetCounts(platform, by, { dealerId: viewer.dealerId, bySite: sites.size > 0 });
  const emptying = await emptyingCounts(platform, by, { dealerId: viewer.dealerId, withinDays: 7, sites });
  const glances = customers.map((customer) =>
    glanceOf(customer, counts.get(customer.customerId), emptying.get(customer.customerId))
  );
  glances.sort(byAttention);
  const waiting = await waitingForViewer(request);
  const asked = customers.flatMap((customer) => {
    const count = waiting.get(customer.customerId);
    return count === undefined ? [] : [{ customer, count }];
  });
  const sum = (of: (glance: Glance) => number) => glances.reduce((all, one) => all + of(one), 0);
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
        <Waiting request={request} asked={asked} />
        <FindForm request={request} />
        <ul class="cards">
          {cards.map(({ key, of }) => (
            <li>
              <strong>{formats.number(sum(of))}</strong> {t(key, { count: sum(of) })}
            </li>
          ))}
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
            number("emptySoon", ({ emptying }) => emptying, "supplies?view=days&within=7"),
            number("silentDevices", ({ silent }) => silent, "devices?silent=1"),
            number("agents", ({ agents }) => agents, "agents", false),
            number("silentAgents", ({ silentAgents }) => silentAgents, "agents?silent=1"),
          ]}
        />
      </>
    ),
  });
}
