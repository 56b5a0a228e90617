import type { Profile } from "../profile.ts";
import { konicaFirmware, konicaMeters, konicaModel } from "./konica.ts";

/** Develop ineo: Konica Minolta machines of another badge. */
export const develop: Profile = {
  id: "develop",
  maker: "Develop",
  recognise: {
    objectIds: ["1.3.6.1.4.1.18334"],
    descriptions: [/^(?:Develop\b|ineo ?\+?)/i],
    devices: [/^(?:Develop\b|ineo ?\+?)/i],
    deviceIds: [/^(?:Develop\b|ineo)/i],
  },
  model: konicaModel,
  firmware: konicaFirmware,
  meters: konicaMeters,
};
