/** One raised alert: what it is of, who has it in hand, what became of it. */
import type { Child } from "hono/jsx";
import type { NumberedEvent } from "../../alerts/alert_events.ts";
import { maybeRaisedAlert, type RaisedAlert, stateOfAlert } from "../../alerts/list_alerts.ts";
import { customerPage, may, rootOf } from "../page/customer_page.tsx";
import { Facts, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { personOf } from "../page/person.ts";
import { alertText, eventKeys, kindKeys, severityKeys, stateKeys } from "./alert_texts.ts";
import { AcknowledgeForm } from "./acknowledge_page.tsx";
import { AlertTable, OfWhat } from "./alert_columns.tsx";

export async function alertPage(request: CustomerRequest): Promise<Response> {
  const { platform, by, customer, t, c } = request, alertId = c.req.param("alert")!;
  const found = await maybeRaisedAlert(platform, { ...by, tenant: customer.customerId }, {
    alertId,
    sites: customer.sites,
  });
  if (found === undefined) return await c.notFound();
  const { alert, events, explains } = found;
  return await customerPage(request, {
    title: alertText(alert, t),
    tab: "alerts",
    children: (
      <>
        <Facts rows={factsOf(request, alert)} />
        {alert.cause_id !== null && (
          <p>
            <a href={`${rootOf(customer)}/alerts/${alert.cause_id}`}>{t("explainedBy")}</a>
          </p>
        )}
        {may(request, "handleAlerts") && <Handling request={request} alert={alert} />}
        {explains.length > 0 && (
          <>
            <h2>{t("explainedDevices")}</h2>
            <AlertTable request={request} rows={explains} />
          </>
        )}
        <h2>{t("whatBecame")}</h2>
        <History request={request} events={events} />
      </>
    ),
  });
}

function factsOf(request: CustomerRequest, alert: RaisedAlert): (readonly [name: string, value: Child])[] {
  const { t, formats, platform } = request, state = stateOfAlert(alert, platform.clock.now().getTime());
  const { acknowledged_by, acknowledged_until, note } = alert;
  const acknowledged = [
    [t("acknowledgedBy"), acknowledged_by && personOf(acknowledged_by)],
    [t("acknowledgedUntil"), acknowledged_until === null ? t("untilEnd") : formats.time(acknowledged_until)],
    ...(note === null ? [] : [[t("alertNote"), note] as const]),
  ] as const;
  return [
    [t("state"), t(stateKeys[state])],
    [t("severity"), t(severityKeys[alert.severity])],
    [t("kind"), t(kindKeys[alert.kind])],
    [alert.device_id === "" ? t("agent") : t("device"), <OfWhat request={request} row={alert} />],
    [t("site"), alert.site],
    [t("beganAt"), formats.time(alert.began_at)],
    [t("raisedAt"), formats.time(alert.raised_at)],
    ...(alert.ended_at === null ? [] : [[t("endedAt"), formats.time(alert.ended_at)] as const]),
    ...(state === "acknowledged" ? acknowledged : []),
  ];
}

/** An open alert is acknowledged, an acknowledged one is released, one that has ended is left alone. */
function Handling({ request, alert }: { request: CustomerRequest; alert: RaisedAlert }) {
  const { t, platform, customer } = request, root = `${rootOf(customer)}/alerts/${alert.alert_id}`;
  const state = stateOfAlert(alert, platform.clock.now().getTime());
  if (state === "open") {
    return <AcknowledgeForm request={request} action={`${root}/acknowledge`} label={t("acknowledge")} />;
  }
  return state !== "acknowledged" ? null : (
    <form method="post" action={`${root}/release`}>
      <button class="plain" type="submit">{t("release")}</button>
    </form>
  );
}

function History({ request: { t, formats }, events }: { request: CustomerRequest; events: readonly NumberedEvent[] }) {
  return (
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
  );
}
