import type { Profile } from "../profile.ts";

/** Makers of printers, of which no private objects are known: recognised, and read by the standard MIBs. */
function known(id: string, maker: string, pattern: RegExp): Profile {
  return { id, maker, recognise: { descriptions: [pattern], devices: [pattern], deviceIds: [pattern] } };
}

export const otherMakers: Profile[] = [
  known("sindoh", "Sindoh", /^Sindoh\b/i),
  known("muratec", "Muratec", /^Muratec\b/i),
  known("sato", "SATO", /^SATO\b/i),
  known("godex", "GoDEX", /^GoDEX\b/i),
  known("printronix", "Printronix", /^Printronix\b/i),
  known("tallygenicom", "TallyGenicom", /^Tally ?Genicom\b/i),
  known("riso", "RISO", /^RISO\b/i),
];
