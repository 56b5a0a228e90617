/** Supplies of a device: a picture of their levels, and a table that says the same, with forecasts. */
import { lowPercent } from "../../../common/reading/low_supply.ts";
import { type Level, LevelKind, type Supply, type Tray } from "../../../proto/gen/opendca/v1/reading.ts";
import { isLow } from "../../devices/device_state.ts";
import { lowestFirst, supplyName } from "../../devices/device_view.ts";
import type { Forecast } from "../../devices/forecast.ts";
import { orderBy } from "../../devices/list_forecasts.ts";
import { supplyText } from "../../devices/supply_text.ts";
import { Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { forecastText } from "./forecast_text.ts";
import { shownLevel } from "./shown.ts";

const colours: Record<string, string> = { black: "#444", cyan: "#0aa5c2", magenta: "#c2279d", yellow: "#d6a700" };

function percentOf(level: Level | undefined): number | undefined {
  if (level?.kind === LevelKind.EMPTY) return 0;
  if (level?.kind !== LevelKind.EXACT || level.percent === undefined) return undefined;
  return Math.min(100, Math.max(0, level.percent));
}

/* Of a device with more, the table is enough. */
const mostDrawn = 12;

interface Drawn {
  label: string;
  colour: string;
  percent: number | undefined;
  text: string;
  isLow: boolean;
}

/** Each supply as a container, filled as far as it is, with a line where it becomes low; trays beside them. */
export function SuppliesPicture(
  { request: { t }, supplies, trays }: {
    request: CustomerRequest;
    supplies: readonly Supply[];
    trays: readonly Tray[];
  },
) {
  const drawn: Drawn[] = [
    ...supplies.map((supply) => ({
      label: supplyText(supplyName(supply), t),
      colour: colours[supply.colorant] ?? "#6b7280",
      percent: percentOf(supply.level),
      text: shownLevel(supply.level, t),
      isLow: isLow(supply),
    })),
    ...trays.map(({ name, level }) => ({
      label: name,
      colour: "#8a93a0",
      percent: percentOf(level),
      text: shownLevel(level, t),
      isLow: false,
    })),
  ].slice(0, mostDrawn);
  if (drawn.length === 0) return null;
  const width = 92, height = 170, top = 12, body = 96, ofSupplies = Math.min(drawn.length, supplies.length);
  const y = (percent: number) => top + body - percent / 100 * body;
  const said = drawn.map(({ label, text }) => `${label} ${text}`).join(", ");
  return (
    <svg
      class="supplies"
      viewBox={`0 0 ${drawn.length * width} ${height}`}
      width={drawn.length * width}
      role="img"
      aria-label={`${t("suppliesPicture")}: ${said}`}
    >
      {drawn.map(({ label, colour, percent, text, isLow }, index) => {
        const left = index * width + 22;
        return (
          <>
            {percent !== undefined && (
              <rect x={left} y={y(percent)} width="48" height={top + body - y(percent)} fill={colour} />
            )}
            <rect class="frame" x={left} y={top} width="48" height={body} rx="5" />
            {index < ofSupplies && (
              <line class="low" x1={left - 5} x2={left + 53} y1={y(lowPercent)} y2={y(lowPercent)} />
            )}
            {percent === undefined && <text class="what" x={left + 24} y={top + body / 2} text-anchor="middle">?</text>}
            <text class={isLow ? "lowText" : undefined} x={left + 24} y={top + body + 20} text-anchor="middle">
              {text}
            </text>
            {linesOf(label).map((line, row) => (
              <text class="name" x={left + 24} y={top + body + 36 + row * 13} text-anchor="middle">{line}</text>
            ))}
          </>
        );
      })}
    </svg>
  );
}

/** Two lines of what a picture has room for. */
function linesOf(label: string): string[] {
  const lines = [""];
  for (const word of label.split(/\s+/)) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > 13) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.slice(0, 2).map((line) => line.length > 14 ? `${line.slice(0, 13)}…` : line);
}

export function SuppliesTable(
  { request, supplies, forecasts, caption }: {
    request: CustomerRequest;
    supplies: readonly Supply[];
    forecasts: ReadonlyMap<string, Forecast>;
    caption: string;
  },
) {
  const { t, formats, platform } = request, now = platform.clock.now().getTime();
  return (
    <Table
      rows={lowestFirst(supplies)}
      empty={t("noneRead")}
      caption={caption}
      columns={[
        { heading: t("supply"), cell: (supply) => supplyText(supplyName(supply), t) },
        {
          heading: t("level"),
          cell: (supply) => <span class={isLow(supply) ? "warn" : undefined}>{shownLevel(supply.level, t)}</span>,
        },
        { heading: t("daysLeft"), cell: ({ index }) => forecastText(forecasts.get(index), { t, formats, now }) },
        {
          heading: t("orderBy"),
          cell: ({ index }) => {
            const forecast = forecasts.get(index);
            return forecast === undefined || forecast.none !== undefined ? "" : formats.day(orderBy(forecast, now));
          },
        },
        { heading: t("partNumber"), cell: ({ partNumber }) => partNumber ?? "" },
        { heading: t("serial"), cell: ({ serial }) => serial ?? "" },
      ]}
    />
  );
}
