/** Why a difference between a source and a reading is none of the reading's: `recording: field`. */
export interface Explanation {
  /** What it is counted as; judge.ts checks that the claim holds. */
  verdict: "convention" | "notRecorded";
  reason: string;
}

const recordsOnly: Explanation = { verdict: "notRecorded", reason: "the recording holds the record objects only" };
const noSystem: Explanation = {
  verdict: "notRecorded",
  reason: "the walk begins behind the objects that name the model",
};
const tens: Explanation = {
  verdict: "convention",
  reason: "the web page rounds up to tens, the record has hundredths of a percent",
};
const steps: Explanation = {
  verdict: "convention",
  reason: "the same level from another record, which goes in steps of ten",
};
const series: Explanation = { verdict: "convention", reason: "the peer names the series, the device its own model" };

export const explanations: ReadonlyMap<string, Explanation> = new Map([
  ["brother-dcp-9020cdw: supply toner black in tens", steps],
  ["brother-dcp-9020cdw: supply toner cyan in tens", steps],
  ["brother-dcp-9020cdw: supply toner magenta in tens", steps],
  ["brother-dcp-j132w: supply ink black in tens", steps],
  ["brother-hl-l2340dw: supply toner black in tens", steps],
  ["brother-hl-l5100dn: model", recordsOnly],
  ["brother-hl-l5100dn: firmware", recordsOnly],
  ["brother-hl-l5100dn: supply toner", tens],
  ["brother-mfc-8880dn: model", recordsOnly],
  ["brother-mfc-8880dn: firmware", recordsOnly],
  ["brother-mfc-b7715dw: model", recordsOnly],
  ["brother-mfc-b7715dw: firmware", recordsOnly],
  ["brother-mfc-b7715dw: supply toner", tens],
  ["brother-mfc-l8650cdw: model", recordsOnly],
  ["brother-mfc-l8650cdw: firmware", recordsOnly],
  ["brother-mfc-l8650cdw: supply toner black", tens],
  ["brother-mfc-l8650cdw: supply toner cyan", tens],
  ["brother-mfc-l8650cdw: supply toner magenta", tens],
  ["brother-mfc-l8650cdw: supply toner yellow", tens],
  ["hp-officejet-pro-x476dw: serial", { verdict: "notRecorded", reason: "no recorded object holds the serial number" }],
  ["lexmark-xc4240-new: model", noSystem],
  ["lexmark-xc9235: model", noSystem],
  ["samsung-m4080fx-b: model", series],
  ["samsung-m4370lx: model", series],
  ["samsung-m4370lx-b: model", series],
  ["samsung-m5360rx: model", series],
  ["samsung-sl-m4020nd: model", series],
  ["xerox-phaser-3200: model", noSystem],
  ["xerox-versalink-b600: model", noSystem],
  ["xerox-versalink-c500: model", noSystem],
  ["xerox-workcentre-3615: model", noSystem],
  ["epson-l405: model", { verdict: "notRecorded", reason: "system group and interface only, none of them holds it" }],
  ["lanier: model", {
    verdict: "convention",
    reason: "the source keeps the first of the two names that the device has",
  }],
  ["zebra-1: model", {
    verdict: "notRecorded",
    reason: "sysDescr.0 is that of the network card, and nothing else was recorded",
  }],
]);
