/** A forecast as a person reads it. Pure. */
import { daysLeft, type Forecast, type NoForecastReason } from "../../devices/forecast.ts";
import type { formatsOf, Key, Translate } from "../words/words.ts";

const reasonKeys: Record<NoForecastReason, Key> = {
  notRead: "noForecastNotRead",
  levelUnknown: "noForecastLevelUnknown",
  levelSome: "noForecastLevelSome",
  levelCoarse: "noForecastLevelCoarse",
  unlimited: "noForecastUnlimited",
  empty: "noForecastEmpty",
  replaced: "noForecastReplaced",
  knownShortly: "noForecastKnownShortly",
  hardlyUsed: "noForecastHardlyUsed",
  irregular: "noForecastIrregular",
};

/** `12 days (9 to 17)`, or why there is no forecast. */
export function forecastText(
  forecast: Forecast | undefined,
  { t, formats, now }: { t: Translate; formats: ReturnType<typeof formatsOf>; now: number },
): string {
  if (forecast === undefined) return "";
  if (forecast.none === undefined) return t("daysRange", daysLeft(forecast, now));
  return t(reasonKeys[forecast.none], { day: forecast.since === undefined ? "" : formats.day(forecast.since) });
}
