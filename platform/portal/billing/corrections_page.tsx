/** Corrections of counters: made with a reason, and undone. */
import { UsageError } from "../../../common/core/errors.ts";
import { correctMeter, listCorrections, undoCorrection } from "../../billing/corrections.ts";
import { timeOf } from "../../billing/period.ts";
import { billingSettings } from "../../billing/settings.ts";
import { devicesNamed } from "../../devices/list_devices.ts";
import { modelOf } from "../fleet/shown.ts";
import { customerPage, may, rootOf } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { Field, Table } from "../page/layout.tsx";
import { personOf } from "../page/person.ts";
import type { CustomerRequest } from "../page/route.ts";
import { tenantOf } from "./visible_statements.ts";

/* Corrections name devices of any site. */
function refuseSome({ customer }: CustomerRequest): void {
  if (customer.sites !== "all") throw new UsageError("Cannot show corrections to somebody who may see some sites only");
}

export async function correctionsPage(request: CustomerRequest): Promise<Response> {
  refuseSome(request);
  const { t, formats, platform, customer } = request, root = `${rootOf(customer)}/corrections`;
  const isManager = may(request, "manageBilling"), { zone } = await billingSettings(platform, tenantOf(request));
  const rows = await listCorrections(platform, tenantOf(request));
  const devices = await devicesNamed(platform, tenantOf(request), [...new Set(rows.map(({ device_id }) => device_id))]);
  const names = new Map(
    devices.map(({ row }) => [row.device_id, [modelOf(row) ?? row.address, row.serial ?? ""].join(" ").trim()]),
  );
  return await customerPage(request, {
    title: `${customer.name}: ${t("corrections")}`,
    tab: "billing",
    children: (
      <>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("corrections")}
          isTitled
          columns={[
            {
              heading: t("device"),
              cell: ({ device_id }) => (
                <a href={`${rootOf(customer)}/devices/${device_id}`}>{names.get(device_id) ?? device_id}</a>
              ),
            },
            { heading: t("meter"), cell: ({ meter }) => meter },
            { heading: t("fromDay"), cell: ({ from_at }) => formats.dayIn(from_at, zone) },
            { heading: t("toDay"), cell: ({ until_at }) => formats.dayIn(until_at - 1, zone) },
            { heading: t("pages"), cell: ({ pages }) => formats.number(pages), isNumber: true },
            { heading: t("reason"), cell: ({ reason }) => reason },
            { heading: t("madeBy"), cell: ({ made_by }) => personOf(made_by) },
            {
              heading: t("undone"),
              cell: ({ correction_id, undone_at, undone_by }) => {
                if (undone_at !== null) return `${formats.time(undone_at)}, ${personOf(undone_by ?? "")}`;
                if (!isManager) return null;
                return (
                  <form method="post" action={`${root}/${correction_id}/undo`}>
                    <button class="plain" type="submit" aria-label={`${t("undo")}: ${correction_id}`}>
                      {t("undo")}
                    </button>
                  </form>
                );
              },
            },
          ]}
        />
        {isManager && (
          <form class="filters" method="post" action={root}>
            <Field name="device" label={t("device")} help={t("deviceHelp")} />
            <Field name="meter" label={t("meter")} value="total" />
            <div class="field">
              <label for="from">{t("fromDay")}</label>
              <input id="from" name="from" type="date" required />
            </div>
            <div class="field">
              <label for="to">{t("toDay")}</label>
              <input id="to" name="to" type="date" required />
            </div>
            <div class="field">
              <label for="pages">{t("pages")}</label>
              <input id="pages" name="pages" type="number" min="0" step="any" required />
            </div>
            <Field name="reason" label={t("reason")} />
            <button type="submit">{t("correct")}</button>
            <p class="help">{t("correctHelp")}</p>
          </form>
        )}
      </>
    ),
  });
}

export async function makeCorrection(request: CustomerRequest): Promise<Response> {
  refuseSome(request);
  const { platform, c, customer } = request;
  const { zone } = await billingSettings(platform, tenantOf(request));
  const pages = await field(c, "pages");
  await correctMeter(platform, tenantOf(request), {
    device: await field(c, "device"),
    meter: await field(c, "meter"),
    from: new Date(timeOf(await field(c, "from"), zone)),
    until: new Date(timeOf(await field(c, "to"), zone, true)),
    pages: pages === "" ? NaN : Number(pages),
    reason: await field(c, "reason"),
  });
  return c.redirect(`${rootOf(customer)}/corrections`, 303);
}

export async function undo(request: CustomerRequest): Promise<Response> {
  refuseSome(request);
  const { platform, c, customer } = request;
  await undoCorrection(platform, tenantOf(request), { correctionId: c.req.param("correction") ?? "" });
  return c.redirect(`${rootOf(customer)}/corrections`, 303);
}
