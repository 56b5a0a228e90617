/** One device: supplies, meters and their history, trays, alerts, and what it is known by. */
import { UsageError } from "../../../common/core/errors.ts";
import { othersFrom } from "../../../common/reading/decode_reading.ts";
import { severityOf } from "../../devices/alerts.ts";
import { listRaisedAlerts, type RaisedAlert } from "../../alerts/list_alerts.ts";
import { type DeviceHistory, supplyForecasts } from "../../devices/device_history_series.ts";
import { shownAlert, shownProblem, shownSupply, shownTray, words } from "../../devices/device_view.ts";
import type { Forecast } from "../../devices/forecast.ts";
import { type DeviceDetails, showDevice } from "../../devices/show_device.ts";
import { supplyText } from "../../devices/supply_text.ts";
import { chosenSite, customerPage, may, rootOf } from "../page/customer_page.tsx";
import { AlertTable } from "./alert_columns.tsx";
import { chartHistory, chartScripts, chartStyles, DeviceCharts } from "./device_charts.tsx";
import { SuppliesPicture, SuppliesTable } from "./device_supplies.tsx";
import { Doubt, WhyNumber } from "./device_why.tsx";
import { deviceSessions } from "./device_sessions.tsx";
import { DeviceEvents } from "./device_events.tsx";
import { modelOf, shownLevel, unitText } from "./shown.ts";
import { Facts, Table } from "../page/layout.tsx";
import { liveScripts } from "../page/live.tsx";
import type { CustomerRequest, Route } from "../page/route.ts";
import type { Key } from "../words/words.ts";

/** Undefined if the customer has none of this id at a site that the viewer may see. */
export async function maybeDevice(request: CustomerRequest): Promise<DeviceDetails | undefined> {
  const { platform, by, customer, c } = request;
  const id = (c.req.param("device") ?? "").replace(/\.json$/, "");
  if (!/^dev-[\w-]{1,40}$/.test(id)) return undefined;
  const details = await showDevice(platform, { ...by, tenant: customer.customerId }, { device: id }).catch((error) => {
    if (error instanceof UsageError) return undefined;
    throw error;
  });
  if (details === undefined || customer.sites === "all") return details;
  const { sites } = await chosenSite(request);
  return sites.some(({ name }) => name === details.site) ? details : undefined;
}

async function devicePage(request: CustomerRequest): Promise<Response> {
  const { t, c, platform, by, customer } = request, details = await maybeDevice(request);
  if (details === undefined) return await c.notFound();
  const { view, site } = details, { row } = view, supplies = view.supplies?.values ?? [];
  const problems = view.newest?.reading.problems ?? [];
  const raised = await listRaisedAlerts(platform, { ...by, tenant: customer.customerId }, {
    deviceId: row.device_id,
    explained: true,
  });
  const meter = chosenMeter(request, details);
  const history = await chartHistory(request, { deviceId: row.device_id, meter });
  return await customerPage(request, {
    title: modelOf(row) ?? row.address,
    tab: "devices",
    scripts: [...chartScripts, ...liveScripts, "/countdown.js"],
    styles: chartStyles,
    children: (
      <>
        {view.note !== null && <p class={view.isSilent ? "bad" : "warn"}>{view.note}</p>}
        <Facts rows={factsOf(request, details)} />
        <DeviceActions request={request} id={row.device_id} />
        {await deviceSessions({ request, deviceId: row.device_id })}
        <h2>{t("supplies")}</h2>
        <SuppliesPicture request={request} supplies={supplies} trays={view.trays?.values ?? []} />
        <SuppliesTable
          request={request}
          supplies={supplies}
          forecasts={await forecastsOf(request, row.device_id)}
          caption={withTime(request, "supplies", view.supplies?.at)}
        />
        <Meters request={request} details={details} meter={meter} history={history} />
        <Trays request={request} details={details} />
        <Alerts request={request} details={details} raised={raised} />
        <WhyNumber request={request} meters={view.meters?.values ?? []} supplies={supplies} problems={problems} />
        <DeviceEvents request={request} details={details} raised={raised} />
        <Identity request={request} details={details} />
        <p>
          <a href={`${c.req.path}.json`}>{t("json")}</a> <span class="quiet">{site}</span>
        </p>
      </>
    ),
  });
}

interface OfDevice {
  request: CustomerRequest;
  details: DeviceDetails;
}

function withTime({ t, formats }: CustomerRequest, key: Key, at: number | undefined): string {
  return at === undefined ? t(key) : t("readAtTime", { what: t(key), time: formats.time(at) });
}

/* The one whose history is asked for, or the total. */
function chosenMeter({ c }: CustomerRequest, { meters }: DeviceDetails): string | undefined {
  const isRead = (wanted: string | undefined) => meters.some(({ name }) => name === wanted);
  return [c.req.query("meter"), "total"].find(isRead);
}

/** With the history of `meter`. */
function Meters(
  { request, details: { view, meters }, meter, history }: OfDevice & {
    meter: string | undefined;
    history: DeviceHistory;
  },
) {
  const { t, formats } = request;
  return (
    <>
      <h2>{t("meters")}</h2>
      <Table
        rows={meters}
        empty={t("noneRead")}
        caption={t("meters")}
        isTitled
        columns={[
          {
            heading: t("meter"),
            cell: (meter) => (
              <>
                <a href={`?meter=${encodeURIComponent(meter.name)}#history`}>{meter.name}</a>
                <Doubt meter={meter} t={t} />
              </>
            ),
          },
          {
            heading: t("value"),
            isNumber: true,
            cell: ({ value }) => value === null ? "" : formats.number(value),
          },
          { heading: t("unit"), cell: ({ unit }) => unitText(unit, t) },
          { heading: t("readAt"), cell: ({ observed_at }) => formats.time(observed_at) },
          { heading: t("why"), cell: ({ rule }) => rule === null ? "" : <a href="#why">{rule}</a> },
        ]}
      />
      <DeviceCharts request={request} deviceId={view.row.device_id} meter={meter} history={history} />
    </>
  );
}

function Trays({ request, details: { view: { trays } } }: OfDevice) {
  const { t } = request;
  if (trays === undefined || trays.values.length === 0) return null;
  return (
    <>
      <h2>{t("trays")}</h2>
      <Table
        rows={trays.values}
        empty={t("noneRead")}
        caption={withTime(request, "trays", trays.at)}
        columns={[
          { heading: t("name"), cell: ({ name }) => name },
          { heading: t("level"), cell: ({ level }) => shownLevel(level, t) },
        ]}
      />
    </>
  );
}

/** What the platform found out, and what the printer reports. */
function Alerts({ request, details: { view }, raised }: OfDevice & { raised: readonly RaisedAlert[] }) {
  const { t, formats } = request;
  return (
    <>
      <h2>{t("alerts")}</h2>
      {raised.length > 0 && <AlertTable request={request} rows={raised} />}
      <h3>{t("reportedAlerts")}</h3>
      <Table
        rows={view.newest?.reading.alerts ?? []}
        empty={t("none")}
        caption={t("alerts")}
        isTitled
        columns={[
          { heading: t("severity"), cell: severityOf },
          { heading: t("alert"), cell: ({ description, group }) => description || words(group) },
          { heading: t("since"), cell: ({ since }) => since === undefined ? "" : formats.time(since.getTime()) },
        ]}
      />
    </>
  );
}

const evidenceKeys: Record<string, Key> = { serial: "serial", engineId: "engineId", mac: "macAddress" };

function Identity({ request: { t, formats }, details: { evidence } }: OfDevice) {
  return (
    <>
      <h2>{t("identity")}</h2>
      <Table
        rows={evidence}
        empty={t("none")}
        caption={t("identity")}
        isTitled
        columns={[
          { heading: t("name"), cell: ({ kind }) => Object.hasOwn(evidenceKeys, kind) ? t(evidenceKeys[kind]!) : kind },
          { heading: t("value"), cell: ({ value }) => value },
          { heading: t("since"), cell: ({ seen_at }) => formats.time(seen_at) },
        ]}
      />
    </>
  );
}

function forecastsOf({ platform, by, customer }: CustomerRequest, device: string): Promise<Map<string, Forecast>> {
  return supplyForecasts(platform, { ...by, tenant: customer.customerId }, { device });
}

function DeviceActions({ request, id }: { request: CustomerRequest; id: string }) {
  const { t, customer } = request, root = `${rootOf(customer)}/devices/${id}`;
  return (
    <div class="filters actions">
      {may(request, "runTasks") && (
        <>
          <form method="post" action={`${root}/read`}>
            <button class="plain" type="submit">{t("readNow")}</button>
          </form>
          <form method="post" action={`${root}/ping`}>
            <button class="plain" type="submit">{t("ping")}</button>
          </form>
        </>
      )}
      {may(request, "openWebAccess") && (
        <form class="filters" method="post" action={`${root}/open`} target="_blank">
          <button type="submit">{t("openPage")}</button>
          <label class="check" for="port">{t("port")}</label>
          <input id="port" name="port" type="text" value="80" inputmode="numeric" />
          <label class="check">
            <input type="checkbox" name="https" value="1" /> HTTPS
          </label>
        </form>
      )}
    </div>
  );
}

function factsOf({ t, formats }: CustomerRequest, { view, site }: DeviceDetails): [name: string, value: string][] {
  const { row, newest } = view;
  const facts: [string, string | null | undefined][] = [
    [t("site"), site],
    [t("address"), row.address],
    [t("host"), row.hostname],
    [t("maker"), row.manufacturer],
    [t("model"), row.model],
    [t("serial"), row.serial],
    [t("firmware"), row.firmware],
    [t("location"), row.location],
    [t("panel"), newest?.reading.status?.panel],
    [t("lastSeen"), formats.time(row.last_seen_at)],
  ];
  return facts.flatMap(([name, value]) => value === null || value === undefined || value === "" ? [] : [[name, value]]);
}

async function historyJson(request: CustomerRequest): Promise<Response> {
  const { c } = request, details = await maybeDevice(request);
  if (details === undefined) return await c.notFound();
  const history = await chartHistory(request, {
    deviceId: details.view.row.device_id,
    meter: c.req.query("meter"),
  });
  const supplies = history.supplies.map((series) => ({ ...series, label: supplyText(series.label, request.t) }));
  return c.json({ ...history, supplies });
}

async function deviceJson(request: CustomerRequest): Promise<Response> {
  const details = await maybeDevice(request);
  if (details === undefined) return await request.c.notFound();
  const { view, site, meters, evidence } = details, { row, newest } = view;
  return request.c.json({
    deviceId: row.device_id,
    site,
    address: row.address,
    hostname: row.hostname,
    manufacturer: row.manufacturer,
    model: row.model,
    serial: row.serial,
    firmware: row.firmware,
    location: row.location,
    note: view.note,
    supplies: (view.supplies?.values ?? []).map((supply) => ({
      ...shownSupply(supply),
      others: othersFrom(supply.others),
    })),
    trays: (view.trays?.values ?? []).map(shownTray),
    alerts: (newest?.reading.alerts ?? []).map(shownAlert),
    problems: (newest?.reading.problems ?? []).map(shownProblem),
    meters,
    evidence: evidence.map(({ kind, value }) => ({ kind, value })),
  });
}

export const deviceRoutes: Route[] = [
  {
    method: "GET",
    path: "/customers/:customer/devices/:device{dev-[^/.]+\\.json}",
    access: "customer",
    permission: "readFleet",
    handle: deviceJson,
  },
  {
    method: "GET",
    path: "/customers/:customer/devices/:device/history.json",
    access: "customer",
    permission: "readFleet",
    handle: historyJson,
  },
  {
    method: "GET",
    path: "/customers/:customer/devices/:device",
    access: "customer",
    permission: "readFleet",
    handle: devicePage,
  },
];
