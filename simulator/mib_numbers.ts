/** Names and numbers of HOST-RESOURCES-MIB (RFC 2790) and IANA-PRINTER-MIB, as far as a fleet file uses them. */

/** PrtMarkerSuppliesTypeTC. */
export const supplyTypes = {
  other: 1,
  unknown: 2,
  toner: 3,
  wasteToner: 4,
  ink: 5,
  inkCartridge: 6,
  inkRibbon: 7,
  wasteInk: 8,
  opc: 9,
  developer: 10,
  fuserOil: 11,
  solidWax: 12,
  ribbonWax: 13,
  wasteWax: 14,
  fuser: 15,
  coronaWire: 16,
  fuserOilWick: 17,
  cleanerUnit: 18,
  fuserCleaningPad: 19,
  transferUnit: 20,
  tonerCartridge: 21,
  fuserOiler: 22,
  water: 23,
  wasteWater: 24,
  wastePaper: 26,
  staples: 32,
} as const;

/** PrtMarkerSuppliesClassTC. */
export const supplyClasses = { other: 1, consumed: 3, receptacle: 4 } as const;

/** PrtMarkerSuppliesSupplyUnitTC, PrtMarkerCounterUnitTC and PrtCapacityUnitTC, which agree where they overlap. */
export const units = {
  other: 1,
  unknown: 2,
  tenThousandthsOfInches: 3,
  micrometers: 4,
  characters: 5,
  lines: 6,
  impressions: 7,
  sheets: 8,
  dotRow: 9,
  hours: 11,
  thousandthsOfOunces: 12,
  tenthsOfGrams: 13,
  hundrethsOfFluidOunces: 14,
  tenthsOfMilliliters: 15,
  feet: 16,
  meters: 17,
  items: 18,
  percent: 19,
} as const;

/** PrtMarkerMarkTechTC. */
export const technologies = {
  other: 1,
  unknown: 2,
  electrophotographicLED: 3,
  electrophotographicLaser: 4,
  impactMovingHeadDotMatrix9pin: 6,
  inkjetAqueous: 12,
  inkjetSolid: 13,
  thermalTransfer: 16,
  thermalSensitive: 17,
} as const;

/** PrtInputTypeTC. */
export const inputTypes = {
  other: 1,
  unknown: 2,
  sheetFeedAutoRemovableTray: 3,
  sheetFeedAutoNonRemovableTray: 4,
  sheetFeedManual: 5,
  continuousRoll: 6,
  continuousFanFold: 7,
} as const;

/** hrPrinterStatus, with the names of a reading; sleeping is other(1) on a running device (RFC 3805 section 2.2.13.2). */
export const printerStatuses = {
  other: 1,
  unknown: 2,
  idle: 3,
  printing: 4,
  warmup: 5,
  sleeping: 1,
  stopped: 1,
} as const;

/** Bits of hrPrinterDetectedErrorState, the first being the highest of the first octet. */
export const errorStates = [
  "lowPaper",
  "noPaper",
  "lowToner",
  "noToner",
  "doorOpen",
  "jammed",
  "offline",
  "serviceRequested",
  "inputTrayMissing",
  "outputTrayMissing",
  "markerSupplyMissing",
  "outputNearFull",
  "outputFull",
  "inputTrayEmpty",
  "overduePreventMaint",
] as const;

/** PrtAlertSeverityLevelTC. */
export const alertSeverities = { other: 1, critical: 3, warning: 4, warningBinaryChangeEvent: 5 } as const;

/** PrtAlertTrainingLevelTC. */
export const alertTrainings = {
  other: 1,
  unknown: 2,
  untrained: 3,
  trained: 4,
  fieldService: 5,
  management: 6,
  noInterventionRequired: 7,
} as const;

/** PrtAlertGroupTC. */
export const alertGroups = {
  other: 1,
  hostResourcesMIBStorageTable: 3,
  hostResourcesMIBDeviceTable: 4,
  generalPrinter: 5,
  cover: 6,
  localization: 7,
  input: 8,
  output: 9,
  marker: 10,
  markerSupplies: 11,
  markerColorant: 12,
  mediaPath: 13,
  channel: 14,
  interpreter: 15,
  consoleDisplayBuffer: 16,
  consoleLights: 17,
  alert: 18,
  finDevice: 30,
} as const;

/** IANACharset numbers and the codec of each. */
export const charsets = {
  "us-ascii": { number: 3, codec: "ascii" },
  "latin1": { number: 4, codec: "latin1" },
  "latin2": { number: 5, codec: "iso-8859-2" },
  "iso-8859-5": { number: 8, codec: "iso-8859-5" },
  "shift-jis": { number: 17, codec: "shift_jis" },
  "utf-8": { number: 106, codec: "utf-8" },
  "hp-roman8": { number: 2004, codec: "hproman8" },
} as const;

/** hrDeviceTypes. */
export const deviceTypes = {
  other: 1,
  unknown: 2,
  processor: 3,
  network: 4,
  printer: 5,
  disk: 6,
  video: 10,
  audio: 11,
  coprocessor: 12,
  keyboard: 13,
  pointing: 16,
} as const;
