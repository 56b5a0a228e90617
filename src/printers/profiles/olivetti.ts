import type { Profile } from "../profile.ts";
import { konicaFirmware, konicaMeters, konicaModel } from "./konica.ts";
import { kyoceraFirmware, kyoceraHostname, kyoceraMeters, kyoceraModel, kyoceraSerial } from "./kyocera.ts";

/**
 * Machines by Kyocera (most d-Copia and PG) and by Konica Minolta (most d-Color). The name does not tell which: each
 * answers the counters of its maker only, so both are asked.
 */
export const olivetti: Profile = {
  id: "olivetti",
  maker: "Olivetti",
  recognise: {
    descriptions: [/^Olivetti\b/i, /^d-?(?:Copia|Color) ?(?:MF|P)? ?\d/i],
    devices: [/^Olivetti\b/i],
    deviceIds: [/^Olivetti\b/i],
  },
  model: [...kyoceraModel, ...konicaModel],
  serial: kyoceraSerial,
  firmware: [...kyoceraFirmware, ...konicaFirmware],
  hostname: kyoceraHostname,
  meters: [...kyoceraMeters, ...konicaMeters],
};
