/** Acknowledging alerts, one or a group, and releasing one: the form, and what it does. */
import { acknowledgeAlerts, releaseAlerts } from "../../alerts/acknowledge_alerts.ts";
import type { AlertKind } from "../../alerts/alert_rules.ts";
import { rootOf } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import type { CustomerRequest } from "../page/route.ts";

export function AcknowledgeForm(
  { request: { t }, action, label, hidden = {} }: {
    request: CustomerRequest;
    action: string;
    label: string;
    hidden?: Record<string, string>;
  },
) {
  return (
    <form class="filters" method="post" action={action}>
      {Object.entries(hidden).map(([name, value]) => <input type="hidden" name={name} value={value} />)}
      <div>
        <label for="note">{t("alertNote")}</label>
        <input id="note" name="note" type="text" maxlength={500} />
      </div>
      <div>
        <label for="until">{t("acknowledgedUntil")}</label>
        <select id="until" name="until">
          <option value="">{t("untilEnd")}</option>
          <option value="1">{t("untilDay")}</option>
          <option value="7">{t("untilWeek")}</option>
        </select>
      </div>
      <button type="submit">{label}</button>
    </form>
  );
}

const dayMs = 86_400_000;

/** The note and the time of the form. */
async function acknowledgement({ platform, c }: CustomerRequest): Promise<{ note: string; until: Date | undefined }> {
  const days = Number(await field(c, "until")), now = platform.clock.now().getTime();
  return { note: await field(c, "note"), until: days === 1 || days === 7 ? new Date(now + days * dayMs) : undefined };
}

export async function acknowledgeOne(request: CustomerRequest): Promise<Response> {
  const { platform, by, customer, c } = request, alertId = c.req.param("alert")!;
  await acknowledgeAlerts(platform, { ...by, tenant: customer.customerId }, {
    ...await acknowledgement(request),
    alertId,
    sites: customer.sites,
  });
  return c.redirect(`${rootOf(customer)}/alerts/${encodeURIComponent(alertId)}`, 303);
}

export async function releaseOne(request: CustomerRequest): Promise<Response> {
  const { platform, by, customer, c } = request, alertId = c.req.param("alert")!;
  await releaseAlerts(platform, { ...by, tenant: customer.customerId }, { alertId, sites: customer.sites });
  return c.redirect(`${rootOf(customer)}/alerts/${encodeURIComponent(alertId)}`, 303);
}

export async function acknowledgeGroup(request: CustomerRequest): Promise<Response> {
  const { platform, by, customer, c } = request;
  const kind = await field(c, "kind"), site = await field(c, "site"), group = await field(c, "group");
  await acknowledgeAlerts(platform, { ...by, tenant: customer.customerId }, {
    ...await acknowledgement(request),
    // Another kind than those that there are finds nothing.
    kind: kind as AlertKind,
    group,
    siteId: site === "" ? undefined : site,
    sites: customer.sites,
  });
  return c.redirect(`${rootOf(customer)}/alerts`, 303);
}
