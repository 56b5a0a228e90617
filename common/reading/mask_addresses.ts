import { tryParseIp } from "../core/ip.ts";
import type { MaskableField } from "./maskable_fields.ts";

/** A dotted quad that is not part of an object identifier or a longer number, or the characters of an IPv6 address. */
const candidates = /(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)|[0-9a-f]*:[0-9a-f:.]*[0-9a-f:](?!\w))/gi;

/** A text of the agent, such as a fault or a log line, with its addresses removed if the policy masks them. */
export function maskAddresses(text: string, maskedFields: readonly MaskableField[]): string {
  if (!maskedFields.includes("address")) return text;
  return text.replace(candidates, (found) => tryParseIp(found) === undefined ? found : "[masked]");
}
