import assert from "node:assert/strict";
import { cleanModel } from "./clean_model.ts";

const cases: { text: string; want: string | undefined; serial?: string; firmware?: string; maker?: string }[] = [
  { text: "Brother HL-1000DW series", want: "HL-1000DW" },
  { text: "HP Color LaserJet flow MFP M000", want: "Color LaserJet flow MFP M000" },
  { text: "Hewlett-Packard HP LaserJet 1000", want: "LaserJet 1000" },
  { text: "ENVY 1000 All-in-One Printer series", want: "ENVY 1000" },
  { text: "Xerox AltaLink C1000 Multifunction Printer", want: "AltaLink C1000" },
  { text: "Xerox Phaser 1000N; Net 1.2,ESS 2000", want: "Phaser 1000N" },
  {
    text: "Lexmark XC1000 0123456789ABC CXTZJ.000.001",
    want: "XC1000",
    serial: "0123456789ABC",
    firmware: "CXTZJ.000.001",
  },
  { text: "Dell S1000dn 7ABCDEF LW00", want: "S1000dn LW00", serial: "7ABCDEF-1-2" },
  { text: "Canon iR-ADV C1000 /P", want: "iR-ADV C1000" },
  { text: "KONICA MINOLTA bizhub C100i", want: "bizhub C100i" },
  { text: "RICOH Aficio MP 100 1.04 / RICOH Network Printer", want: "Aficio MP 100 1.04" },
  { text: "TTP100CE Version: 1.23 X", want: "TTP100CE" },
  { text: "FUJI XEROX ApeosPort-VI C1000", want: "ApeosPort-VI C1000" },
  { text: "Acme Corp Z9", want: "Z9", maker: "Acme Corp" },
  { text: "TASKalfa 1000ci", want: "TASKalfa 1000ci" },
  { text: "Lexmark International Inc. MX000dhe", want: "MX000dhe", maker: "Lexmark" },
  { text: "OKI DATA CORP C000", want: "C000", maker: "OKI" },
  { text: "Zebra Technologies ZTC ZT000-300dpi", want: "ZT000-300dpi", maker: "Zebra" },
  { text: "FUJIFILM Business Innovation Corp. ApeosPort 0000", want: "ApeosPort 0000", maker: "Fujifilm" },
  { text: "Xerox® EC0000 Color Multifunction Printer", want: "EC0000 Color" },
  { text: "ineo 000", want: "ineo 000", maker: "Develop" },
  { text: "Datamax-O'Neil I-0000", want: "I-0000", maker: "Datamax" },
  { text: "Samsung SCX-0000 Series [001b4f00000a]", want: "SCX-0000" },
  { text: "Acme Z9 series [001b…]", want: "Z9", maker: "Acme" },
  { text: "HP LaserJet M000 [0A1B2C]", want: "LaserJet M000" },
  { text: "HP LaserJet P0000 (NPI0A1B2C)", want: "LaserJet P0000" },
  { text: "Xerox Phaser 0000N 00:00:AA:01:02:0f", want: "Phaser 0000N" },
  { text: "Lexmark MS000dn 0021B7AABB0C", want: "MS000dn" },
  { text: "Brother HL-0000DN BRN001BA900000A", want: "HL-0000DN" },
  { text: "Kyocera FS-0000D, MAC: 00-C0-EE-00-00-01", want: "FS-0000D" },
  { text: "Canon LBP0000 (192.0.2.7)", want: "LBP0000" },
  { text: "Olivetti d-Color (C360)", want: "d-Color (C360)" },
  { text: "Epson ET-2750", want: "ET-2750" },
  { text: "MINOLTA-QMS magicolor 0000", want: "magicolor 0000" },
  { text: "HP NULL", want: undefined },
  { text: "(null)", want: undefined },
  { text: "Canon Network Printer", want: undefined },
  { text: "Brother", want: undefined },
  { text: "HP Printer", want: undefined },
  { text: "unknown", want: undefined },
];
for (const { text, want, serial, firmware, maker } of cases) {
  Deno.test(`cleanModel() cleans "${text}"`, () => {
    const known = { manufacturer: maker ?? null, serial: serial ?? null, firmware: firmware ?? null };
    assert.equal(cleanModel(text, known), want);
  });
}
