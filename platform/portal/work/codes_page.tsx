/** Activation codes. */
import { UsageError } from "../../../common/core/errors.ts";
import { createCode, listCodes, withdrawCode } from "../../agents/activation_codes.ts";
import { chosenSite, customerPage, SiteSelect } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { Message, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { tenantOf } from "./visible_agents.ts";

const dayMs = 86_400_000;

export async function codesPage(request: CustomerRequest, made?: { code: string; expiresAt: Date }): Promise<Response> {
  const { t, formats, platform, customer } = request, chosen = await chosenSite(request);
  const all = await listCodes(platform, tenantOf(request));
  const rows = customer.sites === "all" ? all : all.filter(({ site_id }) => customer.sites.includes(site_id));
  const root = `/customers/${customer.customerId}/codes`;
  return await customerPage(request, {
    title: `${customer.name}: ${t("codes")}`,
    tab: "codes",
    children: (
      <>
        {made !== undefined && (
          <Message good>
            {t("codeMade", { until: formats.time(made.expiresAt.getTime()) })}
            <code>{made.code}</code>
            <code>sudo opendca activate {made.code}</code>
          </Message>
        )}
        <form class="filters" method="post" action={root}>
          <SiteSelect request={request} chosen={chosen} isNeeded />
          <button type="submit">{t("codeMake")}</button>
        </form>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("codes")}
          isTitled
          columns={[
            { heading: t("code"), cell: ({ locator }) => `${locator}-…` },
            { heading: t("site"), cell: ({ site }) => site },
            { heading: t("state"), cell: ({ state }) => t(`code_${state}`) },
            { heading: t("until"), cell: ({ expires_at }) => formats.time(expires_at) },
            {
              heading: t("action"),
              cell: ({ code_id, state, locator }) =>
                state !== "open" ? null : (
                  <form method="post" action={`${root}/${code_id}/withdraw`}>
                    <button class="plain" type="submit" aria-label={`${t("withdraw")}: ${locator}`}>
                      {t("withdraw")}
                    </button>
                  </form>
                ),
            },
          ]}
        />
      </>
    ),
  });
}

export async function makeCode(request: CustomerRequest): Promise<Response> {
  const { platform, c } = request, wanted = await field(c, "site");
  const { sites } = await chosenSite(request);
  const site = sites.find(({ site_id }) => site_id === wanted) ??
    (wanted === "" && sites.length === 1 ? sites[0] : undefined);
  if (site === undefined) throw new UsageError("Cannot make a code as it needs a site");
  return await codesPage(
    request,
    await createCode(platform, tenantOf(request), { site: site.site_id, validMs: 14 * dayMs }),
  );
}

export async function withdraw(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, codeId = c.req.param("code") ?? "";
  const rows = await listCodes(platform, tenantOf(request));
  const row = rows.find(({ code_id }) => code_id === codeId);
  if (row === undefined || (customer.sites !== "all" && !customer.sites.includes(row.site_id))) {
    throw new UsageError("Cannot find this code");
  }
  await withdrawCode(platform, tenantOf(request), { codeId });
  return c.redirect(`/customers/${customer.customerId}/codes`, 303);
}
