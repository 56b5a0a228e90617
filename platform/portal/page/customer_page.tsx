/** What the pages of one customer have in common: their menu, and the choice of a site. */
import type { Child } from "hono/jsx";
import { listSites } from "../../customers/customers.ts";
import { type Permission, permittedSites, seesSite } from "../../users/permissions.ts";
import { pageOf } from "./layout.tsx";
import type { CustomerRequest, VisibleCustomer } from "./route.ts";
import { waitingForViewer } from "./waiting_approvals.ts";
import type { Key } from "../words/words.ts";

export function rootOf({ customerId }: VisibleCustomer): string {
  return `/customers/${customerId}`;
}

const tabs: { path: string; key: Key; permission: Permission }[] = [
  { path: "devices", key: "devices", permission: "readFleet" },
  { path: "supplies", key: "lowSupplies", permission: "readFleet" },
  { path: "alerts", key: "alerts", permission: "readFleet" },
  { path: "agents", key: "agents", permission: "readFleet" },
  { path: "tasks", key: "tasks", permission: "readFleet" },
  { path: "updates", key: "updates", permission: "readFleet" },
  { path: "sessions", key: "webAccess", permission: "openWebAccess" },
  { path: "approvals", key: "approvals", permission: "readFleet" },
  { path: "billing", key: "billing", permission: "readMeters" },
  { path: "codes", key: "codes", permission: "manageAgents" },
  { path: "sites", key: "sites", permission: "manageCustomers" },
];

/** Whether the viewer may do it somewhere at the customer: what a page offers. The route decides. */
export function may({ viewer, customer }: CustomerRequest, permission: Permission): boolean {
  return permittedSites(viewer.grants, permission, customer.customerId).length > 0;
}

/** A page of a customer, with what else there is of it. */
export async function customerPage(
  request: CustomerRequest,
  { title, tab, children, ...parts }: {
    title: string;
    tab: string;
    children: Child;
    status?: 422;
    scripts?: readonly string[];
    styles?: readonly string[];
    refreshSeconds?: number | undefined;
  },
): Promise<Response> {
  const { t, formats, customer } = request;
  const waiting = (await waitingForViewer(request)).get(customer.customerId);
  const count = (path: string) => path === "approvals" && waiting !== undefined ? ` (${formats.number(waiting)})` : "";
  return await pageOf(request, {
    title,
    ...parts,
    children: (
      <>
        <ul class="tabs" aria-label={customer.name}>
          {tabs.filter(({ permission }) => may(request, permission)).map(({ path, key }) => (
            <li>
              <a href={`${rootOf(customer)}/${path}`} aria-current={path === tab ? "page" : undefined}>
                {t(key)}
                {count(path)}
              </a>
            </li>
          ))}
        </ul>
        {children}
      </>
    ),
  });
}

export interface ChosenSite {
  sites: { site_id: string; name: string }[];
  /** Undefined: all of the customer. */
  site: string | undefined;
}

/** The site that the address asks for; one of those that the viewer may see, whatever it asks for. */
export async function chosenSite({ platform, by, customer, c }: CustomerRequest): Promise<ChosenSite> {
  const all = await listSites(platform, { ...by, tenant: customer.customerId });
  const sites = all.filter(({ site_id }) => seesSite(customer.sites, site_id));
  const wanted = sites.find(({ site_id }) => site_id === c.req.query("site"));
  const first = customer.sites === "all" ? undefined : sites[0]?.site_id ?? customer.sites[0] ?? "none";
  return { sites, site: wanted?.site_id ?? first };
}

/** `isNeeded`: one must be chosen. */
export function SiteSelect(
  { request, chosen: { sites, site }, isNeeded }: {
    request: CustomerRequest;
    chosen: ChosenSite;
    isNeeded?: boolean;
  },
) {
  const { t, customer } = request;
  if (sites.length < 2) return null;
  return (
    <div>
      <label for="site">{t("site")}</label>
      <select id="site" name="site">
        {customer.sites === "all" && !isNeeded && <option value="">{t("allSites")}</option>}
        {sites.map(({ site_id, name }) => <option value={site_id} selected={site_id === site}>{name}</option>)}
      </select>
    </div>
  );
}
