/** What a customer would be billed, and its statements. */
import { makeStatement, previewStatement } from "../../billing/make_statement.ts";
import { daysOfMonth, monthBefore, periodText } from "../../billing/period.ts";
import { billingSettings } from "../../billing/settings.ts";
import type { StatementRecord } from "../../billing/statement.ts";
import { chosenSite, customerPage, may, rootOf, SiteSelect } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { Table } from "../page/layout.tsx";
import { pageOfRows, Pager, shownPage } from "../page/pager.tsx";
import type { CustomerRequest, Route } from "../page/route.ts";
import { StatementRows, Totals } from "./statement_rows.tsx";
import { tenantOf, visibleStatements } from "./visible_statements.ts";
import type { Permission } from "../../users/permissions.ts";
import { correctionsPage, makeCorrection, undo } from "./corrections_page.tsx";
import { changeSettings, settingsPage } from "./settings_page.tsx";
import { statementFile, statementPage } from "./statement_page.tsx";

export async function billingPage(request: CustomerRequest): Promise<Response> {
  const { t, platform, customer, c } = request;
  const { zone } = await billingSettings(platform, tenantOf(request));
  const month = c.req.query("month") ?? monthBefore(platform.clock.now(), zone);
  const chosen = await chosenSite(request), root = `${rootOf(customer)}/billing`;
  const statements = await visibleStatements(request);
  return await customerPage(request, {
    title: `${customer.name}: ${t("billing")}`,
    tab: "billing",
    children: (
      <>
        <p class="row">
          <a href={`${rootOf(customer)}/corrections`}>{t("corrections")}</a>
          {may(request, "manageBilling") && customer.sites === "all" && (
            <a href={`${rootOf(customer)}/billing-settings`}>{t("billingSettings")}</a>
          )}
        </p>
        <h2>{t("statements")}</h2>
        <Statements request={request} statements={statements} />
        <form class="filters" method="get" action={root}>
          <div>
            <label for="month">{t("month")}</label>
            <input id="month" name="month" type="month" value={month} required />
          </div>
          <SiteSelect request={request} chosen={chosen} />
          <button type="submit">{t("preview")}</button>
        </form>
        {c.req.query("month") !== undefined && <Preview {...await previewOf(request, { month, site: chosen.site })} />}
        {may(request, "manageBilling") && (
          <form class="filters" method="post" action={root}>
            <input type="hidden" name="month" value={month} />
            <input type="hidden" name="site" value={chosen.site ?? ""} />
            <div>
              <label for="supersede">{t("supersede")}</label>
              <select id="supersede" name="supersede">
                <option value="">{t("supersedeNone")}</option>
                {statements.filter(({ supersededBy }) => supersededBy === null).map(({ number }) => (
                  <option value={String(number)}>{t("statement", { number })}</option>
                ))}
              </select>
            </div>
            <button type="submit">{t("make")}</button>
            <p class="help">{t("makeHelp")}</p>
          </form>
        )}
      </>
    ),
  });
}

async function previewOf(request: CustomerRequest, { month, site }: { month: string; site: string | undefined }) {
  const { head, rows } = await previewStatement(request.platform, tenantOf(request), { ...daysOfMonth(month), site });
  const page = await shownPage(request, (wish) => Promise.resolve(pageOfRows(rows, wish)));
  return { request, month, rows, page, zone: head.period.zone };
}

function Preview({ request, month, rows, page, zone }: Awaited<ReturnType<typeof previewOf>>) {
  const title = request.t("previewOf", { period: month });
  return (
    <>
      <h2>{title}</h2>
      <StatementRows request={request} rows={page.rows} zone={zone} caption={title} />
      <Pager request={request} page={page} />
      <Totals request={request} rows={rows} />
    </>
  );
}

function Statements({ request, statements }: { request: CustomerRequest; statements: readonly StatementRecord[] }) {
  const { t, formats, customer } = request;
  return (
    <Table
      rows={statements}
      empty={t("none")}
      caption={t("statements")}
      isTitled
      columns={[
        {
          heading: t("statementNumber"),
          cell: ({ number }) => <a href={`${rootOf(customer)}/billing/${number}`}>{t("statement", { number })}</a>,
        },
        { heading: t("period"), cell: ({ head }) => periodText(head.period) },
        { heading: t("site"), cell: ({ head }) => head.site?.name ?? head.device ?? t("allSites") },
        { heading: t("rows"), cell: ({ rows }) => formats.number(rows), isNumber: true },
        { heading: t("made"), cell: ({ madeAt }) => formats.time(madeAt) },
        { heading: t("madeBy"), cell: ({ head }) => head.madeBy },
        { heading: t("supersededBy"), cell: ({ supersededBy }) => supersededBy },
      ]}
    />
  );
}

export async function makeOne(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request;
  const { sites } = await chosenSite(request), wanted = await field(c, "site");
  // Somebody who may bill some sites cannot bill the customer.
  const site = sites.find(({ site_id }) => site_id === wanted)?.site_id ??
    (customer.sites === "all" ? undefined : sites[0]?.site_id ?? "none");
  const supersede = await field(c, "supersede");
  if (supersede !== "" && !(await visibleStatements(request)).some(({ number }) => String(number) === supersede)) {
    return c.redirect(`${rootOf(customer)}/billing`, 303);
  }
  const { number } = await makeStatement(platform, tenantOf(request), {
    ...daysOfMonth(await field(c, "month")),
    site,
    supersede: supersede === "" ? undefined : Number(supersede),
  });
  return c.redirect(`${rootOf(customer)}/billing/${number}`, 303);
}

const route = (
  method: Route["method"],
  path: string,
  permission: Permission,
  handle: (request: CustomerRequest) => Response | Promise<Response>,
): Route => ({ method, path: `/customers/:customer/${path}`, access: "customer", permission, handle });

export const billingRoutes: readonly Route[] = [
  route("GET", "billing", "readMeters", billingPage),
  route("POST", "billing", "manageBilling", makeOne),
  route("GET", "billing/:number", "readMeters", statementPage),
  route("GET", "billing/:number/:form", "readMeters", statementFile),
  route("GET", "billing-settings", "manageBilling", (request) => settingsPage(request)),
  route("POST", "billing-settings", "manageBilling", changeSettings),
  route("GET", "corrections", "readMeters", correctionsPage),
  route("POST", "corrections", "manageBilling", makeCorrection),
  route("POST", "corrections/:correction/undo", "manageBilling", undo),
];
