/** One device: supplies, meters and their history, trays, alerts, and what it is known by. */
import { UsageError } from "../../../common/core/errors.ts";
import { severityOf } from "../../devices/alerts.ts";
import {
  lowestFirst,
  shownAlert,
  shownProblem,
  shownSupply,
  shownTray,
  supplyName,
  words,
} from "../../devices/device_view.ts";
import { type DeviceDetails, meterHistory, showDevice } from "../../devices/show_device.ts";
import { isLow } from "../../devices/device_state.ts";
import { LevelKind, type Supply } from "../../../proto/gen/opendca/v1/reading.ts";
import { chosenSite, customerPage, may, rootOf } from "../page/customer_page.tsx";
import { modelOf, shownLevel } from "./shown.ts";
import { Table } from "../page/layout.tsx";
import type { CustomerRequest, Route } from "../page/route.ts";

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
  const { t, formats, c } = request;
  const details = await maybeDevice(request);
  if (details === undefined) return await c.notFound();
  const { view, site, meters, evidence } = details, { row, newest } = view;
  const asked = c.req.query("meter"),
    chosen = meters.find(({ name }) => name === asked) ?? meters.find(({ name }) => name === "total");
  const readAt = (at: number | undefined) => at === undefined ? "" : `, ${t("readAt")}: ${formats.time(at)}`;
  return await customerPage(request, {
    title: modelOf(row) ?? row.address,
    tab: "devices",
    children: (
      <>
        {view.note !== null && <p class={view.isSilent ? "bad" : "warn"}>{view.note}</p>}
        <dl class="facts">
          {factsOf(request, details).map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </>
          ))}
        </dl>
        <DeviceActions request={request} id={row.device_id} />
        <h2>{t("supplies")}</h2>
        <Table
          rows={lowestFirst(view.supplies?.values ?? [])}
          empty={t("noneRead")}
          caption={`${t("supplies")}${readAt(view.supplies?.at)}`}
          columns={[
            { heading: t("supply"), cell: supplyName },
            {
              heading: t("level"),
              cell: (supply) => (
                <>
                  <LevelPicture supply={supply} />{" "}
                  <span class={isLow(supply) ? "warn" : undefined}>{shownLevel(supply.level, t)}</span>
                </>
              ),
            },
            { heading: t("partNumber"), cell: ({ partNumber }) => partNumber ?? "" },
            { heading: t("serial"), cell: ({ serial }) => serial ?? "" },
          ]}
        />
        <h2>{t("meters")}</h2>
        <Table
          rows={meters}
          empty={t("noneRead")}
          caption={t("meters")}
          isTitled
          columns={[
            {
              heading: t("meter"),
              cell: ({ name }) => <a href={`?meter=${encodeURIComponent(name)}#history`}>{name}</a>,
            },
            {
              heading: t("value"),
              isNumber: true,
              cell: ({ value }) => value === null ? "" : formats.number(value),
            },
            { heading: t("unit"), cell: ({ unit }) => unit },
            { heading: t("readAt"), cell: ({ observed_at }) => formats.time(observed_at) },
            { heading: t("why"), cell: ({ rule, oid }) => rule === null ? "" : `${rule} ${oid ?? ""}` },
          ]}
        />
        {chosen !== undefined && (
          <History request={request} name={chosen.name} points={await pointsOf(request, chosen.name)} />
        )}
        {(view.trays?.values.length ?? 0) > 0 && (
          <>
            <h2>{t("trays")}</h2>
            <Table
              rows={view.trays!.values}
              empty={t("noneRead")}
              caption={`${t("trays")}${readAt(view.trays?.at)}`}
              columns={[
                { heading: t("name"), cell: ({ name }) => name },
                { heading: t("level"), cell: ({ level }) => shownLevel(level, t) },
              ]}
            />
          </>
        )}
        <h2>{t("alerts")}</h2>
        <Table
          rows={newest?.reading.alerts ?? []}
          empty={t("none")}
          caption={t("alerts")}
          isTitled
          columns={[
            { heading: t("severity"), cell: severityOf },
            { heading: t("alert"), cell: ({ description, group }) => description || words(group) },
            { heading: t("since"), cell: ({ since }) => since === undefined ? "" : formats.time(since.getTime()) },
          ]}
        />
        <h2>{t("identity")}</h2>
        <Table
          rows={evidence}
          empty={t("none")}
          caption={t("identity")}
          isTitled
          columns={[
            { heading: t("name"), cell: ({ kind }) => kind },
            { heading: t("value"), cell: ({ value }) => value },
            { heading: t("since"), cell: ({ seen_at }) => formats.time(seen_at) },
          ]}
        />
        <p>
          <a href={`${c.req.path}.json`}>{t("json")}</a> <span class="quiet">{site}</span>
        </p>
      </>
    ),
  });
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
        <form class="filters" method="post" action={`${root}/open`}>
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

const colours: Record<string, string> = { black: "#444", cyan: "#0aa5c2", magenta: "#c2279d", yellow: "#d6a700" };

/** A bar for levels that are known in percent; empty for others. The text beside it says the same. */
function LevelPicture({ supply: { level, colorant } }: { supply: Supply }) {
  const percent = level?.kind === LevelKind.EMPTY ? 0 : level?.kind === LevelKind.EXACT ? level.percent : undefined;
  if (percent === undefined) return null;
  return (
    <svg class="level" viewBox="0 0 100 9" preserveAspectRatio="none" aria-hidden="true">
      <rect x="0" y="0" width={Math.min(100, Math.max(0, percent))} height="9" fill={colours[colorant] ?? "#6b7280"} />
      <rect class="frame" x="0.5" y="0.5" width="99" height="8" />
    </svg>
  );
}

interface Point {
  at: number;
  value: number;
}

/* A year of days, and some changes within them. */
const mostPoints = 1000;

async function pointsOf({ platform, by, customer, c }: CustomerRequest, name: string): Promise<Point[]> {
  const { rows } = await meterHistory(platform, { ...by, tenant: customer.customerId }, {
    device: c.req.param("device")!,
    name,
    limit: mostPoints,
  });
  return rows.flatMap(({ observed_at, value }) => value === null ? [] : [{ at: observed_at, value }]).reverse();
}

/** A line through the samples; between two of them, the value is that of the first. */
function History({ request, name, points }: { request: CustomerRequest; name: string; points: readonly Point[] }) {
  const { t, formats } = request, first = points[0], last = points.at(-1);
  if (first === undefined || last === undefined || last.at === first.at) return null;
  const values = points.map(({ value }) => value), least = Math.min(...values), most = Math.max(...values);
  const width = 720, height = 180, left = 90, bottom = 22;
  const x = (at: number) => left + (at - first.at) / (last.at - first.at) * (width - left - 10);
  const y = (value: number) =>
    height - bottom - (most === least ? 0.5 : (value - least) / (most - least)) * (height - bottom - 14);
  const steps = points.flatMap(({ at, value }, index) => [
    ...(index === 0 ? [] : [`${x(at).toFixed(1)},${y(points[index - 1]!.value).toFixed(1)}`]),
    `${x(at).toFixed(1)},${y(value).toFixed(1)}`,
  ]);
  const title = t("historyOf", { meter: name, from: formats.day(first.at), to: formats.day(last.at) });
  return (
    <section id="history">
      <h2>{t("history")}</h2>
      <svg class="history" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={title}>
        <line x1={left} y1={height - bottom} x2={width - 10} y2={height - bottom} />
        <text x={left - 8} y={y(most) + 4} text-anchor="end">{formats.number(most)}</text>
        {most !== least && <text x={left - 8} y={y(least) + 4} text-anchor="end">{formats.number(least)}</text>}
        <text x={left} y={height - 6}>{formats.day(first.at)}</text>
        <text x={width - 10} y={height - 6} text-anchor="end">{formats.day(last.at)}</text>
        <polyline points={steps.join(" ")} />
      </svg>
    </section>
  );
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
    supplies: (view.supplies?.values ?? []).map(shownSupply),
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
    path: "/customers/:customer/devices/:device",
    access: "customer",
    permission: "readFleet",
    handle: devicePage,
  },
];
