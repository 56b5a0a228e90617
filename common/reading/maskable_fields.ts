/** Fields of a reading that the policy can keep on the machine. */
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
