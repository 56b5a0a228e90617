/** Names of time zones. Pure. */
import { UsageError } from "./errors.ts";

/** Throws UsageError for a name that is no time zone. */
export function checkedZone(zone: string): string {
  try {
    // The name of a city, as an offset has no daylight saving time.
    if (/^(UTC|[A-Z][A-Za-z_]+(\/[A-Za-z0-9_+-]+){1,2})$/.test(zone)) {
      return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
    }
  } catch {
    // Told below.
  }
  throw new UsageError(
    `Cannot use "${zone}" as a time zone`,
    "a time zone has a name such as Europe/Berlin or America/New_York, or is UTC",
  );
}
