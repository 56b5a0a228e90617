import type { Profile } from "../profile.ts";
import { xeroxMeters } from "./xerox.ts";

/** FUJIFILM Business Innovation, until 2021 Fuji Xerox: enterprise 297, private objects as Xerox (XCMI). */
function named(id: string, maker: string, pattern: RegExp): Profile {
  return {
    id,
    maker,
    recognise: {
      objectIds: ["1.3.6.1.4.1.297"],
      printerIds: ["1.3.6.1.4.1.297.1.11.93"],
      descriptions: [pattern],
      devices: [pattern],
      deviceIds: [pattern],
    },
    model: [
      // "FUJI XEROX MODEL;ESS VERSION,…"
      { oid: "1.3.6.1.2.1.1.1.0", rule: "fujixerox.description", take: /^(?:FUJI ?XEROX|FX|FUJIFILM) ([^;]+)/i },
    ],
    firmware: [
      { oid: "1.3.6.1.2.1.1.1.0", rule: "fujixerox.controller", take: /\b(?:ESS|Controller) ?([\d.]+)/i },
    ],
    meters: xeroxMeters,
  };
}

export const fujixerox = named("fujixerox", "Fuji Xerox", /^(?:FUJI ?XEROX\b|FX (?:Apeos|Docu))/i);
export const fujifilm = named(
  "fujifilm",
  "Fujifilm",
  /^FUJIFILM (?:Business Innovation Corp\.? )?(?:Apeos|Revoria|DocuPrint|DocuCentre|ApeosPro|.*Printer)/i,
);
