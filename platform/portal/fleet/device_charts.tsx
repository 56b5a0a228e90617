/** Meters and levels of a device over time: charts where scripts run, a line and a table everywhere. */
import { type DeviceHistory, deviceHistory, type Series } from "../../devices/device_history_series.ts";
import { supplyText } from "../../devices/supply_text.ts";
import type { Child } from "hono/jsx";
import { rootOf } from "../page/customer_page.tsx";
import { Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import { unitText } from "./shown.ts";

const ranges: { name: string; days: number; key: Key }[] = [
  { name: "month", days: 30, key: "rangeMonth" },
  { name: "year", days: 365, key: "rangeYear" },
  { name: "all", days: 0, key: "rangeAll" },
];

/* The span of time that the address asks for. */
function rangeOf({ c }: CustomerRequest) {
  return ranges.find(({ name }) => name === c.req.query("range")) ?? ranges[1]!;
}

export const chartScripts = ["/uplot.js", "/charts.js"];
export const chartStyles = ["/uplot.css"];

/** Of the range that the address asks for. `meter`: whose history is shown; undefined if it has none. */
export function chartHistory(
  request: CustomerRequest,
  { deviceId, meter }: { deviceId: string; meter: string | undefined },
): Promise<DeviceHistory> {
  const { platform, by, customer } = request, { days } = rangeOf(request);
  return deviceHistory(platform, { ...by, tenant: customer.customerId }, { device: deviceId, meter, days });
}

export function DeviceCharts(
  { request, deviceId, meter, history }: {
    request: CustomerRequest;
    deviceId: string;
    meter: string | undefined;
    history: DeviceHistory;
  },
) {
  const { customer, t, c } = request, range = rangeOf(request);
  if (history.meters.length === 0 && history.supplies.length === 0) return null;
  const query = (name: string) =>
    String(new URLSearchParams({ ...(meter === undefined ? {} : { meter }), range: name }));
  const source = `${rootOf(customer)}/devices/${deviceId}/history.json?${query(range.name)}`;
  const [ofMeter] = history.meters;
  return (
    <section id="history">
      <h2>{t("history")}</h2>
      <p class="switch">
        {ranges.map(({ name, key }) => (
          <>
            <a href={`${c.req.path}?${query(name)}#history`} aria-current={name === range.name ? "true" : undefined}>
              {t(key)}
            </a>
            {" "}
          </>
        ))}
      </p>
      {ofMeter !== undefined && (
        <Chart
          request={request}
          source={source}
          part="meters"
          title={t("meterHistory", { meter: ofMeter.label })}
          series={[ofMeter]}
        />
      )}
      {history.supplies.length > 0 && (
        <Chart request={request} source={source} part="supplies" title={t("levelHistory")} series={history.supplies} />
      )}
      <p class="quiet">{t("chartKeys")}</p>
    </section>
  );
}

/* Rows of the table: the newest ones, of all series together. */
const mostRows = 100;

function Chart(
  { request, source, part, title, series }: {
    request: CustomerRequest;
    source: string;
    part: "meters" | "supplies";
    title: string;
    series: readonly Series[];
  },
): Child {
  const { t, formats } = request;
  const rows = series.flatMap(({ label, points, marks, unit }) => {
    const marked = new Set(marks);
    return points.map(({ at, value }) => ({ label, at, value, unit, isMarked: marked.has(at) }));
  }).sort((a, b) => b.at - a.at).slice(0, mostRows);
  return (
    <>
      <h3>{title}</h3>
      <div
        class="chart"
        data-src={source}
        data-part={part}
        data-title={title}
        data-keys={t("chartKeys")}
        data-time={t("whenAt")}
      >
        {part === "meters" && <Line request={request} title={title} series={series[0]!} />}
      </div>
      <details>
        <summary>{t("chartTable")}</summary>
        <Table
          rows={rows}
          empty={t("none")}
          caption={title}
          isTitled
          columns={[
            { heading: t("whenAt"), cell: ({ at }) => formats.time(at) },
            { heading: part === "meters" ? t("meter") : t("supply"), cell: ({ label }) => supplyText(label, t) },
            { heading: t("value"), isNumber: true, cell: ({ value }) => formats.number(value) },
            { heading: t("unit"), cell: ({ unit }) => unitText(unit, t) },
            {
              heading: t("note"),
              cell: ({ isMarked }) => isMarked ? t(part === "meters" ? "chartReset" : "chartReplaced") : "",
            },
          ]}
        />
      </details>
    </>
  );
}

/** Without scripts: a line through the samples; between two of them, the value is that of the first. */
function Line(
  { request: { formats }, title, series: { points } }: { request: CustomerRequest; title: string; series: Series },
) {
  const first = points[0]!, last = points.at(-1)!;
  if (last.at === first.at) return null;
  const values = points.map(({ value }) => value), least = Math.min(...values), most = Math.max(...values);
  const width = 720, height = 180, left = 90, bottom = 22;
  const x = (at: number) => left + (at - first.at) / (last.at - first.at) * (width - left - 10);
  const y = (value: number) =>
    height - bottom - (most === least ? 0.5 : (value - least) / (most - least)) * (height - bottom - 14);
  const steps = points.flatMap(({ at, value }, index) => [
    ...(index === 0 ? [] : [`${x(at).toFixed(1)},${y(points[index - 1]!.value).toFixed(1)}`]),
    `${x(at).toFixed(1)},${y(value).toFixed(1)}`,
  ]);
  return (
    <svg class="history" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={title}>
      <line x1={left} y1={height - bottom} x2={width - 10} y2={height - bottom} />
      <text x={left - 8} y={y(most) + 4} text-anchor="end">{formats.number(most)}</text>
      {most !== least && <text x={left - 8} y={y(least) + 4} text-anchor="end">{formats.number(least)}</text>}
      <text x={left} y={height - 6}>{formats.day(first.at)}</text>
      <text x={width - 10} y={height - 6} text-anchor="end">{formats.day(last.at)}</text>
      <polyline points={steps.join(" ")} />
    </svg>
  );
}
