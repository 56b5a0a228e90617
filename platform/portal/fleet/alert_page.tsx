/** One raised alert: what it is of, who has it in hand, what became of it. */
import { maybeRaisedAlert, stateOfAlert } from "../../alerts/list_alerts.ts";
import { customerPage, may, rootOf } from "../page/customer_page.tsx";
import { Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { personOf } from "../page/person.ts";
import { alertText, eventKeys, kindKeys, severityKeys, stateKeys } from "./alert_texts.ts";
import { OfWhat } from "./alert_columns.tsx";
import { AcknowledgeForm, AlertTable } from "./alerts_page.tsx";

export async function alertPage(request: CustomerRequest): Promise<Response> {
  const { platform, by, customer, t, formats, c } = request, alertId = c.req.param("alert")!;
  const found = await maybeRaisedAlert(platform, { ...by, tenant: customer.customerId }, {
    alertId,
    sites: customer.sites,
  });
  if (found === undefined) return await c.notFound();
  const { alert, events, explains } = found, now = platform.clock.now().getTime();
  const state = stateOfAlert(alert, now), root = `${rootOf(customer)}/alerts/${alert.alert_id}`;
  const facts: [name: string, value: unknown][] = [
    [t("state"), t(stateKeys[state])],
    [t("severity"), t(severityKeys[alert.severity])],
    [t("kind"), t(kindKeys[alert.kind])],
    [alert.device_id === "" ? t("agent") : t("device"), <OfWhat request={request} row={alert} />],
    [t("site"), alert.site],
    [t("beganAt"), formats.time(alert.began_at)],
    [t("raisedAt"), formats.time(alert.raised_at)],
    ...(alert.ended_at === null ? [] : [[t("endedAt"), formats.time(alert.ended_at)] as [string, unknown]]),
    ...(state === "acknowledged"
      ? [
        [t("acknowledgedBy"), alert.acknowledged_by && personOf(alert.acknowledged_by)],
        [
          t("acknowledgedUntil"),
          alert.acknowledged_until === null ? t("untilEnd") : formats.time(alert.acknowledged_until),
        ],
        ...(alert.note === null ? [] : [[t("alertNote"), alert.note]]),
      ] as [string, unknown][]
      : []),
  ];
  return await customerPage(request, {
    title: alertText(alert, t),
    tab: "alerts",
    children: (
      <>
        <dl class="facts">
          {facts.map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>{value as string}</dd>
            </>
          ))}
        </dl>
        {alert.cause_id !== null && (
          <p>
            <a href={`${rootOf(customer)}/alerts/${alert.cause_id}`}>{t("explainedBy")}</a>
          </p>
        )}
        {may(request, "handleAlerts") && state === "open" && (
          <AcknowledgeForm request={request} action={`${root}/acknowledge`} label={t("acknowledge")} />
        )}
        {may(request, "handleAlerts") && state === "acknowledged" && (
          <form method="post" action={`${root}/release`}>
            <button class="plain" type="submit">{t("release")}</button>
          </form>
        )}
        {explains.length > 0 && (
          <>
            <h2>{t("explainedDevices")}</h2>
            <AlertTable request={request} rows={explains} />
          </>
        )}
        <h2>{t("whatBecame")}</h2>
        <Table
          rows={events}
          empty={t("none")}
          caption={t("whatBecame")}
          isTitled
          columns={[
            { heading: t("whenAt"), cell: ({ at }) => formats.time(at) },
            { heading: t("whatDid"), cell: ({ event }) => t(eventKeys[event]) },
            { heading: t("whoDid"), cell: ({ actor }) => personOf(actor) },
            {
              heading: t("note"),
              cell: ({ detail }) =>
                [detail.note, detail.severity && t(severityKeys[detail.severity as "other"])]
                  .filter((text) => text).join(", "),
            },
          ]}
        />
      </>
    ),
  });
}
