/** What pages of the fleet call a device and a level. Pure. */
import { levelText } from "../../devices/device_view.ts";
import type { Level } from "../../../proto/gen/opendca/v1/reading.ts";
import type { Key, Translate } from "../words/words.ts";

export function modelOf(
  { manufacturer, model }: { manufacturer: string | null; model: string | null },
): string | undefined {
  return [manufacturer, model].filter((part) => part !== null && part !== "").join(" ") || undefined;
}

const unitKeys: Record<string, Key> = { impressions: "unit_impressions", sheets: "unit_sheets" };

/** The unit of a meter; as it is told if it is another one. */
export function unitText(unit: string, t: Translate): string {
  return Object.hasOwn(unitKeys, unit) ? t(unitKeys[unit]!) : unit;
}

/** The level as a person reads it: `62 %`, `empty`. */
export function shownLevel(level: Level | undefined, t: Translate): string {
  const text = levelText(level);
  const keys = { empty: "empty", some: "some", unlimited: "unlimited", "?": "unknown" } as const;
  return text in keys ? t(keys[text as keyof typeof keys]) : text;
}
