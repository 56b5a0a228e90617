/** Fields of a reading that can be kept from leaving the machine. */
export const maskableFields = [
  "address",
  "hostname",
  "mac",
  "serial",
  "engineId",
  "firmware",
  "location",
  "contact",
  "description",
  "panel",
] as const;
export type MaskableField = (typeof maskableFields)[number];
