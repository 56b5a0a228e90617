import { formatEndpoint } from "../../common/core/ip.ts";
import type { UnreadDevice } from "../../common/reading/reading.ts";

/** Maximum number of devices named in a sentence. */
const mostNamed = 5;

/** "10.0.0.7:161 (answered from 10.0.0.1 port 4711), 10.0.0.9:161 and 3 more" */
export function nameUnread(devices: readonly UnreadDevice[]): string {
  const names = devices.slice(0, mostNamed).map(({ address, port, answeredFrom }) => {
    const from = answeredFrom === undefined ? "" : ` (answered from ${answeredFrom})`;
    return `${formatEndpoint(address, port)}${from}`;
  });
  const more = devices.length - names.length;
  return `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
