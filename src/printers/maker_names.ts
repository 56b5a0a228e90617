import { remembered } from "./remembered.ts";

/**
 * Makers of printers that have no profile, by the words with which their texts begin. A name alone never makes a printer
 * of a device: most of these make other things too.
 */
const names: readonly [words: string, maker: string][] = [
  ["Argox", "Argox"],
  ["Avery(?: Dennison)?", "Avery Dennison"],
  ["Avision", "Avision"],
  ["Bixolon", "Bixolon"],
  ["Brady", "Brady"],
  ["Bull", "Bull"],
  ["cab(?= )", "cab"],
  ["Casio", "Casio"],
  ["Citizen", "Citizen"],
  ["Compuprint", "Compuprint"],
  ["Copystar", "Copystar"],
  ["Dascom", "Dascom"],
  ["Datacard", "Datacard"],
  ["Datamax(?:-O'?Neil)?", "Datamax"],
  ["Deli(?= )", "Deli"],
  ["Duplo", "Duplo"],
  ["Evolis", "Evolis"],
  ["Fargo", "Fargo"],
  ["Fujitsu", "Fujitsu"],
  ["Genicom", "Genicom"],
  ["Hitachi", "Hitachi"],
  ["Honeywell", "Honeywell"],
  ["HPRT", "HPRT"],
  ["Huawei", "Huawei"],
  ["Imagistics", "Imagistics"],
  ["Intermec", "Intermec"],
  ["Katun", "Katun"],
  ["KIP(?= )", "KIP"],
  ["Kodak|Eastman Kodak", "Kodak"],
  ["Lenovo", "Lenovo"],
  ["Lexmark", "Lexmark"],
  ["Microplex", "Microplex"],
  ["Mimaki", "Mimaki"],
  ["Mita(?= )", "Mita"],
  ["Mitsubishi", "Mitsubishi"],
  ["Mutoh", "Mutoh"],
  ["NEC(?= )", "NEC"],
  ["Novexx", "Novexx"],
  ["Philips", "Philips"],
  ["Pitney[ -]?Bowes", "Pitney Bowes"],
  ["Postek", "Postek"],
  ["Primera", "Primera"],
  ["Printek", "Printek"],
  ["PSi(?= )", "PSi"],
  ["QMS(?= )", "QMS"],
  ["Roland(?: DG)?", "Roland"],
  ["Sagem(?:com)?", "Sagem"],
  ["Seiko(?: Instruments)?(?! Epson)", "Seiko"],
  ["Source Technologies", "Source Technologies"],
  ["Star(?: Micronics)?(?= )", "Star Micronics"],
  ["Summa", "Summa"],
  ["Tektronix", "Tektronix"],
  ["TROY", "TROY"],
  ["Unisys", "Unisys"],
  ["Wincor(?:[ -]Nixdorf)?", "Wincor Nixdorf"],
  ["Xante", "Xante"],
  ["Xiaomi", "Xiaomi"],
];

const patterns = names.map(([words, maker]) => ({ pattern: new RegExp(`^(?:${words})(?![\\p{L}\\d])`, "iu"), maker }));

/** The maker that a text begins with, when it is one of those known by name. */
export const makerByName = remembered((text): string | undefined =>
  patterns.find(({ pattern }) => pattern.test(text))?.maker
);

/** A text without the maker's name that it begins with, so that a model is left. */
export const withoutMakerName = remembered((text): string => {
  for (const { pattern } of patterns) {
    if (pattern.test(text)) return text.replace(pattern, "").trim();
  }
  return text;
});

/** First words that are no makers: product lines, kinds of device, what network cards and systems call themselves. */
const noMakers = new RegExp(
  `^(?:${
    [
      "acculaser|aculaser|aficio|apeos\\w*|altalink|bizhub|color\\w*|colour\\w*|colorqube|deskjet|designjet|docu\\w+|ecosys|envy",
      "fiery|image\\w+|infoprint|inkjet|ineo|laser\\w*|magicolor|maxify|officejet|optra|pagepro|pagewide|phaser|photosmart|pixma",
      "primelink|proxpress|xpress|smart|stylus|sure\\w+|taskalfa|tank|versa\\w+|versant|work\\w+|e-?studio",
      "all|built|cups|device|digital|embedded|ether\\w*|fast|generic|gigabit|hardware|internal|ipp|label|linux|local|lpt\\d?",
      "mfp|model|mono\\w*|multi\\w*|nic|network|office|pcl\\d?|port|print\\w*|ps\\d?|printer|receipt|server|snmp|software|sys\\w*",
      "system|the|thermal|uclinux|unix|unknown|usb|version|virtual|wide|windows|wired|wireless|wlan",
    ].join("|")
  })$`,
  "i",
);

/**
 * The maker that the first word of a text must be, although nobody here knows it: a capitalised word of letters before a
 * model with a digit in it ("Acme LP-2000"), and no product line or kind of device.
 */
export function makerByFirstWord(text: string): string | undefined {
  const word = /^(\p{Lu}[\p{L}&-]{2,20}) [\p{L}-]{0,12}\d/u.exec(text)?.[1];
  return word === undefined || noMakers.test(word) ? undefined : word;
}
