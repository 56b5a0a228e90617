/** A device among all customers that the viewer may see. */
import { findDevices } from "../../devices/find_devices.ts";
import { pageOf, Table } from "../page/layout.tsx";
import { pageSize } from "../page/pager.tsx";
import type { UserRequest } from "../page/route.ts";
import { modelOf } from "./shown.ts";

export async function findPage(request: UserRequest) {
  const { t, c, formats, platform, by, viewer, customers } = request;
  const text = (c.req.query("q") ?? "").trim().slice(0, 100);
  const found = text === ""
    ? []
    : await findDevices(platform, by, { dealerId: viewer.dealerId, text, within: customers, limit: pageSize + 1 });
  const shown = found.slice(0, pageSize), names = new Map(customers.map(({ customerId, name }) => [customerId, name]));
  return await pageOf(request, {
    title: t("findDevice"),
    children: (
      <>
        <FindForm request={request} text={text} />
        {text !== "" && (
          <Table
            rows={shown}
            empty={t("nothingFound")}
            caption={t("devices")}
            columns={[
              {
                heading: t("device"),
                cell: (row) => (
                  <a href={`/customers/${row.customer_id}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>
                ),
              },
              { heading: t("customer"), cell: ({ customer_id }) => names.get(customer_id) ?? "" },
              { heading: t("site"), cell: ({ site }) => site },
              { heading: t("serial"), cell: ({ serial }) => serial ?? "" },
              { heading: t("address"), cell: ({ address }) => address },
              { heading: t("hostname"), cell: ({ hostname }) => hostname ?? "" },
              { heading: t("lastSeen"), cell: ({ last_seen_at }) => formats.time(last_seen_at) },
            ]}
          />
        )}
        {found.length > pageSize && <p class="quiet">{t("findMore")}</p>}
      </>
    ),
  });
}

export function FindForm({ request: { t }, text }: { request: UserRequest; text?: string }) {
  return (
    <form class="filters" method="get" action="/devices" role="search">
      <div>
        <label for="find">{t("findDevice")}</label>
        <input id="find" name="q" type="text" value={text} maxlength={100} aria-describedby="find-help" />
      </div>
      <button type="submit">{t("search")}</button>
      <div class="help" id="find-help">{t("findHelp")}</div>
    </form>
  );
}
